use super::*;
use std::os::unix::fs::PermissionsExt;

const USERS: &str = "root:x:0:0::/root:/bin/sh\nann:x:1001:1001::/home/ann:/bin/sh\n\
                     bob:x:1002:1002::/home/bob:/bin/sh\nops:x:1003:1003::/:/bin/sh\n";
const GROUPS: &str = "root:x:0:\nann:x:1001:\nbob:x:1002:bob,ann\nops:x:1003:ops\n";

fn caller(uid: u32, gid: u32, users: &str, groups: &str) -> ProcessUser {
    ProcessUser { uid, gid, users: users.into(), groups: groups.into() }
}

#[test]
fn a_private_group_has_the_name_of_its_user_and_nobody_else() {
    for (uid, gid, more_users, more_groups, is_private) in [
        (1001, 1001, "", "", true),
        (1003, 1003, "", "", true),
        // The group has another member, or another name than the user.
        (1002, 1002, "", "", false),
        (1001, 1003, "", "", false),
        // Somebody else has it as the group of new files.
        (1001, 1001, "eve:x:1004:1001::/:/bin/sh\n", "", false),
        // Two groups of one number.
        (1001, 1001, "", "friends:x:1001:\n", false),
        (1001, 1001, "", "ann:x:1001:eve\n", false),
        // More is known elsewhere, or nothing at all.
        (1001, 1001, "", "+:::\n", false),
        (1001, 1001, "+@staff::::::\n", "", false),
        (1009, 1009, "", "", false),
        (1009, 1009, "zoe:x:1009:1009::/:/bin/sh\n", "", false),
    ] {
        let (users, groups) = (format!("{USERS}{more_users}"), format!("{GROUPS}{more_groups}"));
        let found = caller(uid, gid, &users, &groups).has_private_group(gid);
        assert_eq!(found, is_private, "{uid} {gid} {more_users:?} {more_groups:?}");
    }
    let other = caller(1001, 1002, USERS, GROUPS);
    assert!(!other.has_private_group(1001), "a group that the process does not have");
}

#[test]
fn an_owner_is_the_caller_or_root() {
    let ann = caller(1001, 1001, USERS, GROUPS);
    assert!(check_owner(1001, &ann, Thing::File).is_ok());
    assert!(check_owner(0, &ann, Thing::Link).is_ok());
    let says = |uid, thing| check_owner(uid, &ann, thing).unwrap_err().to_string();
    assert_eq!(says(1002, Thing::File), "it belongs to bob");
    assert_eq!(says(77, Thing::Link), "it is a link that belongs to uid 77");
}

#[test]
fn an_access_list_is_seen() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(!has_access_list(file.as_file()));
    // Version 2; the owner, user 1234, the group, the mask, and all others.
    let entries = [(1, 6, u32::MAX), (2, 6, 1234), (4, 4, u32::MAX), (16, 6, u32::MAX)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries.into_iter().chain([(32, 0, u32::MAX)]) {
        list.extend([tag, 0, rights, 0]);
        list.extend(id.to_le_bytes());
    }
    let flags = rustix::fs::XattrFlags::empty();
    if rustix::fs::fsetxattr(file.as_file(), ACCESS_LIST, &list, flags) == Err(Errno::NOTSUP) {
        return;
    }
    let error = open(file.path()).unwrap_err().to_string();
    assert!(error.ends_with("whoever is in its access list may write it"), "{error}");
}

#[test]
fn writers_are_told_by_the_mode_the_group_and_the_access_list() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let meta = |mode| {
        file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        file.as_file().metadata().unwrap()
    };
    let gid = meta(0o600).gid();
    let own = format!("own:x:{gid}:");
    let private = caller(7, gid, &format!("own:x:7:{gid}::/:/bin/sh"), &own);
    let shared = caller(7, gid, &format!("me:x:7:{gid}::/:/bin/sh"), &own);
    let says = |mode, has_list, caller| {
        check_writers(&meta(mode), has_list, caller).err().map(|error| error.to_string())
    };
    for mode in [0o600, 0o644, 0o444, 0o755] {
        assert_eq!(says(mode, false, &shared), None, "{mode:o}");
        assert_eq!(says(mode, true, &shared), None, "{mode:o}");
    }
    for mode in [0o664, 0o660] {
        assert_eq!(says(mode, false, &private), None, "{mode:o}");
        assert!(says(mode, false, &shared).unwrap().ends_with("group own may write it"));
        assert!(says(mode, true, &private).unwrap().contains("access list may write it"));
    }
    for mode in [0o666, 0o602] {
        assert!(says(mode, false, &private).unwrap().contains("everybody may write it"));
    }
}
