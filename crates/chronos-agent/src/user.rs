//! Users that commands run as.

use std::{ffi::CString, fmt::Display};

use nix::unistd::{Gid, Uid, User, geteuid, initgroups, setgid, setuid};

/// A user to switch to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
    pub(crate) shell: String,
}

impl Account {
    /// Looks a user up; `None` when it is the one we are (or the name is empty), so that there is
    /// nothing to switch.
    pub(crate) fn to_switch_to(name: &str) -> Result<Option<Self>, String> {
        if name.is_empty() {
            return Ok(None);
        }
        let user = User::from_name(name)
            .map_err(|error| format!("user {name:?} cannot be looked up: {error}"))?
            .ok_or_else(|| format!("no such user: {name:?}"))?;
        let own = geteuid();
        if user.uid == own {
            return Ok(None);
        }
        if !own.is_root() {
            return Err(format!(
                "cannot run as user {name:?}: the daemon runs as uid {own}, and only root may switch"
            ));
        }
        Ok(Some(Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir.to_string_lossy().into_owned(),
            shell: user.shell.to_string_lossy().into_owned(),
        }))
    }

    /// Becomes this user, with all groups; there is no way back.
    pub(crate) fn switch(&self) -> Result<(), String> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let failed = |why: &dyn Display| format!("cannot become user {:?}: {why}", self.name);
        let name = CString::new(self.name.as_str()).map_err(|error| failed(&error))?;
        initgroups(&name, gid)
            .and_then(|()| setgid(gid))
            .and_then(|()| setuid(uid))
            .map_err(|error| failed(&error))
    }

    /// What a login sets.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 4] {
        [
            ("HOME", &self.home),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
            ("SHELL", &self.shell),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_user_is_switched_to() {
        assert_eq!(Account::to_switch_to(""), Ok(None));
        let own = User::from_uid(geteuid()).unwrap().expect("we are somebody");
        assert_eq!(Account::to_switch_to(&own.name), Ok(None));
        let unknown = Account::to_switch_to("no-such-user-anywhere").unwrap_err();
        assert_eq!(unknown, "no such user: \"no-such-user-anywhere\"");
        let other = if own.uid.is_root() { "nobody" } else { "root" };
        match Account::to_switch_to(other) {
            Ok(account) => assert_eq!(account.map(|account| account.name).as_deref(), Some(other)),
            Err(problem) => assert!(
                !own.uid.is_root() && problem.contains("only root"),
                "{problem}"
            ),
        }
    }
}
