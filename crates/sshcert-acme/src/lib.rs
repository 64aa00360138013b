//! sshcert-acme
