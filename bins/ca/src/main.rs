//! ca
fn main() {}
