//! `dlogin bundle`: what the operator enrols.
