//! Rounds and copies as stories, by hand.
