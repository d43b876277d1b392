//! The flags about TLS and SASL, for each place that a command speaks of.
//!
//! They are those of the daemon: `--zk-tls-ca-file` here is `--zk_tls_ca_file` there, and both are understood.

use std::{
    io::{Write as _, stderr},
    path::PathBuf,
};

use chronos_zk::{SaslFile, SecurityFiles, TlsFiles, ZkAddress};
use clap::Args;

use crate::exit::Failure;

/// Declares the flags with a prefix, and how they are taken into a place.
macro_rules! security_flags {
    ($(#[$about:meta])* $name:ident, $prefix:literal: $ca:ident, $cert:ident, $key:ident, $user:ident, $password:ident, $auth:literal) => {
        $(#[$about])*
        #[derive(Args, Debug)]
        #[expect(clippy::struct_field_names, reason = "they are the names of the flags")]
        pub(crate) struct $name {
            /// Speak TLS to ZooKeeper, and trust who is in this file of certificates (PEM).
            #[arg(long, value_name = "FILE", alias = concat!($prefix, "_tls_ca_file"))]
            $ca: Option<PathBuf>,

            /// File with our own certificate (PEM), where the servers demand one.
            #[arg(long, value_name = "FILE", alias = concat!($prefix, "_tls_cert_file"), requires = stringify!($ca), requires = stringify!($key))]
            $cert: Option<PathBuf>,

            /// File with the key of that certificate (PEM, without a password).
            #[arg(long, value_name = "FILE", alias = concat!($prefix, "_tls_key_file"), requires = stringify!($cert))]
            $key: Option<PathBuf>,

            /// Who we are to ZooKeeper, by SASL (DIGEST-MD5).
            #[arg(long, value_name = "USER", alias = concat!($prefix, "_sasl_user"), requires = stringify!($password), conflicts_with = $auth)]
            $user: Option<String>,

            /// File with the password of that user.
            #[arg(long, value_name = "FILE", alias = concat!($prefix, "_sasl_password_file"), requires = stringify!($user))]
            $password: Option<PathBuf>,
        }

        impl $name {
            /// Takes them into an address.
            pub(crate) fn secure(&self, address: ZkAddress) -> Result<ZkAddress, Failure> {
                // Pairs are whole: the parser of flags sees to it.
                let own = self.$cert.clone().zip(self.$key.clone());
                let user = self.$user.clone().zip(self.$password.clone());
                let files = SecurityFiles {
                    tls: self.$ca.clone().map(|ca| TlsFiles { ca, own }),
                    sasl: user.map(|(user, password)| SaslFile { user, password }),
                };
                secure(address, &files, $prefix)
            }
        }
    };
}

security_flags!(
    /// Of a store.
    ZkSecurity, "zk": zk_tls_ca_file, zk_tls_cert_file, zk_tls_key_file, zk_sasl_user, zk_sasl_password_file, "zk_auth"
);
security_flags!(
    /// Of what an import reads.
    FromSecurity, "from": from_tls_ca_file, from_tls_cert_file, from_tls_key_file, from_sasl_user, from_sasl_password_file, "from_auth"
);
security_flags!(
    /// Of what an import writes.
    ToSecurity, "to": to_tls_ca_file, to_tls_cert_file, to_tls_key_file, to_sasl_user, to_sasl_password_file, "to_auth"
);

fn secure(address: ZkAddress, files: &SecurityFiles, prefix: &str) -> Result<ZkAddress, Failure> {
    for file in files.open_to_all() {
        let file = file.display();
        let told = writeln!(
            stderr(),
            "chronosctl: anybody on this machine can read the secret in {file}"
        );
        // Where standard error is closed, nobody can be told.
        drop(told);
    }
    address.secured(files).map_err(|error| {
        let option = error.option().map(|option| option.name().replace('_', "-"));
        let flag = option.map(|option| format!("--{prefix}-{option}: "));
        Failure::Refused(format!("{}{error}", flag.unwrap_or_default()))
    })
}
