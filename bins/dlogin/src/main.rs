//! dlogin
fn main() {}
