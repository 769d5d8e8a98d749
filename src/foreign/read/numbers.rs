//! Numbers in values, so that equal ones are the same text and different ones are not.
//!
//! Values are compared by their JSON. A JSON number has many spellings, and what no 64 bits hold
//! becomes the nearest double, in which different integers meet: that would be a wrong verdict, so
//! it is refused. RFC 8259, section 6, warns of the same.

use serde_json::Value;

/// From here on not every integer is a double of its own: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Writes whole numbers as integers, whatever their spelling: 1.0, 1e0 and 1 are one, and so are
/// -0 and 0.
///
/// # Errors
///
/// A number that is no 64-bit integer and so large that a double cannot tell it from others.
pub(in crate::foreign) fn exact(value: &mut Value) -> Result<(), String> {
    match value {
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().unwrap_or(f64::INFINITY);
            if float.abs() >= EXACT {
                return Err(format!(
                    "a number near {float:e} cannot be compared exactly; integers are written \
                     without fraction or exponent and fit in 64 bits, others are below 2^53, and \
                     larger ones go into a text"
                ));
            }
            if float.fract() == 0.0 {
                *value = Value::from(float as i64);
            }
            Ok(())
        }
        Value::Array(all) => all.iter_mut().try_for_each(exact),
        Value::Object(all) => all.values_mut().try_for_each(exact),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<String, String> {
        let mut value = serde_json::from_str(json).expect("JSON");
        exact(&mut value).map(|()| value.to_string())
    }

    #[test]
    fn spellings_of_a_number_are_one() {
        for json in ["1", "1.0", "1e0", "10e-1"] {
            assert_eq!(read(json).as_deref(), Ok("1"), "{json}");
        }
        assert_eq!(read("[-0,{\"a\":-0.0}]").as_deref(), Ok("[0,{\"a\":0}]"));
        assert_eq!(read("1.5").as_deref(), Ok("1.5"));
    }

    #[test]
    fn what_a_double_would_merge_is_refused() {
        for json in ["18446744073709551616", "[-9223372036854775809]", "9007199254740993.0"] {
            assert!(read(json).is_err_and(|why| why.contains("exactly")), "{json}");
        }
        for json in ["18446744073709551615", "-9223372036854775808", "9007199254740993"] {
            assert_eq!(read(json).as_deref(), Ok(json));
        }
    }
}
