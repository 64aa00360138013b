//! dlogin-core
