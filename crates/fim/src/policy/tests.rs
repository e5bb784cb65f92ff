use std::collections::BTreeMap;
use std::ffi::OsStr;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::explain::Why;
use super::*;
use crate::config::{Config, File};
use crate::entry::{Digest, FileId};

/// A host by its links, files and mounts.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) links: BTreeMap<PathBuf, PathBuf>,
    pub(super) ids: BTreeMap<PathBuf, u64>,
    pub(super) contents: BTreeMap<PathBuf, Digest>,
    pub(super) mounts: Vec<(PathBuf, Box<str>)>,
    pub(super) gone: Vec<PathBuf>,
}

impl Ground for Fake {
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        if self.gone.iter().any(|gone| path.starts_with(gone)) {
            return None;
        }
        let link = path.ancestors().find_map(|at| Some((at, self.links.get(at)?)));
        let Some((link, target)) = link else { return Some(path.to_owned()) };
        let rest = path.strip_prefix(link).ok()?;
        Some(if rest.as_os_str().is_empty() { target.clone() } else { target.join(rest) })
    }

    fn identify(&self, path: &Path) -> Option<FileId> {
        let real = self.resolve(path)?;
        self.ids.get(&real).map(|&inode| FileId { dev: 1, inode })
    }

    fn sha256(&self, path: &Path) -> Option<Digest> {
        self.contents.get(&self.resolve(path)?).copied()
    }

    fn uid(&self, name: &str) -> Option<u32> {
        (name == "tomcat").then_some(91)
    }

    fn mounts(&self) -> Vec<(PathBuf, Box<str>)> {
        self.mounts.clone()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

pub(super) fn config(text: &str) -> Config {
    let File { fim } = File::read(text).unwrap_or_else(|problems| panic!("{problems}"));
    Config { policy: fim.policy, exclude: fim.exclude, use_defaults: false, ..Config::default() }
}

pub(super) fn read(text: &str) -> Policies {
    Policies::read(&config(text), &Nowhere).unwrap_or_else(|problems| panic!("{problems}"))
}

fn ids(policies: &[Arc<Policy>]) -> Vec<&str> {
    policies.iter().map(|policy| &*policy.id).collect()
}

fn of(policies: &Policies, path: &str) -> Vec<String> {
    policies.of(Path::new(path)).iter().map(|policy| policy.id.to_string()).collect()
}

fn asks(policies: &Policies, folder: &str) -> bool {
    policies.interest(Path::new(folder)) == Interest::Some
}

fn roots(policies: &Policies) -> Vec<(&str, bool)> {
    policies.roots().iter().map(|root| (root.path.to_str().unwrap(), root.recursive)).collect()
}

#[test]
fn all_matching_policies_apply_the_severest_first() {
    let policies = read(
        r#"
        [[fim.policy]]
        id = "etc"
        paths = ["/etc/"]
        [[fim.policy]]
        id = "identity"
        paths = ["/etc/{passwd,shadow}"]
        severity = "critical"
        [[fim.policy]]
        id = "also-medium"
        paths = ["/etc/passwd"]
        "#,
    );
    assert_eq!(of(&policies, "/etc/passwd"), ["identity", "also-medium", "etc"]);
    assert_eq!(of(&policies, "/etc/hosts"), ["etc"]);
    assert_eq!(of(&policies, "/etcfoo"), [""; 0]);
    assert_eq!(roots(&policies), [("/etc", true)]);
}

#[test]
fn f37_etcfoo_is_not_etc() {
    let policies = read("[[fim.policy]]\nid = \"etc\"\npaths = [\"/etc/\"]\n");
    assert_eq!(of(&policies, "/etc"), ["etc"]);
    assert!(of(&policies, "/etcfoo").is_empty() && of(&policies, "/etcfoo/x").is_empty());
    assert!(!asks(&policies, "/etcfoo") && asks(&policies, "/etc") && asks(&policies, "/"));
}

#[test]
fn f38_nothing_below_an_excluded_folder_is_asked_for() {
    let policies = read(
        r#"
        [fim]
        exclude = ["/srv/**/tmp/"]
        [[fim.policy]]
        id = "srv"
        paths = ["/srv/"]
        exclude = ["/srv/app/cache/", "/srv/app/only-itself", "**/*.swp"]
        [[fim.policy]]
        id = "cached-config"
        paths = ["/srv/app/cache/config/*.json"]
        "#,
    );
    assert!(!asks(&policies, "/srv/a/b/c/tmp") && !asks(&policies, "/srv/a/b/c/tmp/deep/er"));
    assert!(of(&policies, "/srv/a/b/c/tmp/deep/er/file").is_empty() && of(&policies, "/srv/a/b/c/tmp").is_empty());
    // Another policy still asks for a part of what the first leaves out, and for nothing beside it.
    assert!(asks(&policies, "/srv/app/cache") && asks(&policies, "/srv/app/cache/config"));
    assert!(!asks(&policies, "/srv/app/cache/other") && !asks(&policies, "/srv/app/cache/config/deeper"));
    assert_eq!(of(&policies, "/srv/app/cache/config/x.json"), ["cached-config"]);
    assert!(of(&policies, "/srv/app/cache/config/x.txt").is_empty());
    // One object alone is left out: what is below it is not.
    assert!(of(&policies, "/srv/app/only-itself").is_empty() && asks(&policies, "/srv/app/only-itself"));
    assert_eq!(of(&policies, "/srv/app/only-itself/x"), ["srv"]);
    assert!(of(&policies, "/srv/x.swp").is_empty());
    assert!(!asks(&policies, "/home") && !asks(&policies, "/srvx"));
}

#[test]
fn regular_expressions_see_bytes_and_prune_where_they_can() {
    let policies = read(
        r#"
        [[fim.policy]]
        id = "conf"
        paths = ["/etc/"]
        include_regex = ['\.conf$', '/special/']
        exclude_regex = ['/\.git', '~$', '^/etc/alternatives/']
        "#,
    );
    assert_eq!(of(&policies, "/etc/a.conf"), ["conf"]);
    assert!(of(&policies, "/etc/a.cfg").is_empty() && of(&policies, "/etc/special/a.conf~").is_empty());
    assert!(of(&policies, "/etc/.git/a.conf").is_empty());
    let odd = Path::new(OsStr::from_bytes(b"/etc/\xff\n.conf"));
    assert_eq!(ids(&policies.of(odd)), ["conf"]);
    // A folder is left out whole where the expression looks at nothing behind what it finds.
    assert!(
        !asks(&policies, "/etc/.git")
            && !asks(&policies, "/etc/x/.git/objects")
            && !asks(&policies, "/etc/alternatives")
    );
    assert!(asks(&policies, "/etc/backup~"));
}

#[test]
fn file_system_types_are_those_at_the_time_of_loading() {
    let text = "[[fim.policy]]\nid = \"local\"\npaths = [\"/data/\"]\nfstype = [\"!nfs4\", \"!fuse.sshfs\"]\n\
                [[fim.policy]]\nid = \"ext\"\npaths = [\"/data/\"]\nfstype = [\"ext4\"]\n";
    let mounts = [("/", "ext4"), ("/data/remote", "nfs4"), ("/data/remote/x/local", "xfs"), ("/data/gone", "nfs4")];
    let mounts = mounts.map(|(path, kind)| (path.into(), kind.into())).into();
    let policies = Policies::read(&config(text), &Fake { mounts, ..Fake::default() }).unwrap();
    assert_eq!(of(&policies, "/data/a"), ["ext", "local"]);
    assert!(of(&policies, "/data/remote/a").is_empty());
    assert_eq!(of(&policies, "/data/remote/x/local/a"), ["local"]);
    assert!(
        asks(&policies, "/data/remote") && asks(&policies, "/data/remote/x/local") && !asks(&policies, "/data/gone")
    );
}

#[test]
fn recursion_and_containers() {
    let policies = read(
        r#"
        [[fim.policy]]
        id = "shallow"
        paths = ["/opt/"]
        recursion = 1
        [[fim.policy]]
        id = "web"
        paths = ["/usr/share/nginx/"]
        exclude = ["**/cache/"]
        containers = ["image:nginx*", "label:app=web"]
        "#,
    );
    assert_eq!(of(&policies, "/opt/a/b"), ["shallow"]);
    assert!(of(&policies, "/opt/a/b/c").is_empty() && !asks(&policies, "/opt/a/b") && asks(&policies, "/opt/a"));
    assert!(of(&policies, "/usr/share/nginx/index.html").is_empty());
    let web = ContainerFacts { id: "1".into(), image: "nginx:1.27".into(), ..ContainerFacts::default() };
    let other = ContainerFacts { id: "2".into(), image: "redis".into(), ..ContainerFacts::default() };
    let page = Path::new("/usr/share/nginx/index.html");
    assert_eq!(ids(&policies.of_inside(page, &web)), ["web"]);
    assert!(policies.of_inside(page, &other).is_empty() && policies.ask_for(&web) && !policies.ask_for(&other));
    assert_eq!(policies.interest_inside(Path::new("/usr/share/nginx/cache"), &web), Interest::Nothing);
    assert_eq!(policies.interest_inside(Path::new("/usr/share/nginx"), &other), Interest::Nothing);
    assert_eq!(roots(&policies), [("/opt", true)]);
}

#[test]
fn roots_are_few() {
    let policies = read(
        r#"
        [fim]
        exclude = ["/run/**"]
        [[fim.policy]]
        id = "a"
        paths = ["/etc/tomcat/*.pem", "/opt/app/conf/server.xml", "/usr/bin/", "/usr/bin/ls", "/home/*/.ssh/", "/run/x/"]
        [[fim.policy]]
        id = "b"
        paths = ["/opt/app/conf/*.xml", "/opt/app/conf/sub/*.xml", "/etc/tomcat/x.pem"]
        "#,
    );
    assert_eq!(
        roots(&policies),
        [("/etc/tomcat", false), ("/home", true), ("/opt/app/conf", true), ("/usr/bin", true)]
    );
    let few = policies.roots_where(|policy| &*policy.id == "b");
    assert_eq!(
        few.iter().map(|root| root.path.to_str().unwrap()).collect::<Vec<_>>(),
        ["/etc/tomcat/x.pem", "/opt/app/conf"]
    );
}

#[test]
fn symbolic_links_on_the_way_are_followed_when_policies_are_made() {
    let text = r#"
        [fim]
        exclude = ["/lib/firmware/"]
        [[fim.policy]]
        id = "modules"
        paths = ["/lib/modules/**/*.ko", "/lib/", "/etc/resolv.conf", "/lib/later/x"]
        exclude = ["/lib/modules/old/"]
    "#;
    let mut ground = Fake::default();
    ground.links.insert("/lib".into(), "/usr/lib".into());
    ground.links.insert("/etc/resolv.conf".into(), "/srv/resolve/stub.conf".into());
    let policies = Policies::read(&config(text), &ground).unwrap();
    assert_eq!(of(&policies, "/usr/lib/modules/6.1/x.ko"), ["modules"]);
    assert_eq!(of(&policies, "/usr/lib/later/x"), ["modules"]);
    assert!(of(&policies, "/usr/lib/modules/old/x.ko").is_empty() && of(&policies, "/usr/lib/firmware/x").is_empty());
    // The links themselves are objects too: that they lead elsewhere is a change.
    assert_eq!(of(&policies, "/lib"), ["modules"]);
    assert_eq!(of(&policies, "/etc/resolv.conf"), ["modules"]);
    assert_eq!(of(&policies, "/srv/resolve/stub.conf"), ["modules"]);
    let want = [("/etc/resolv.conf", false), ("/lib", false), ("/srv/resolve/stub.conf", false), ("/usr/lib", true)];
    assert_eq!(roots(&policies), want);
    assert_eq!(policies.links(), [Path::new("/etc/resolv.conf"), Path::new("/lib")]);
    assert!(!policies.moved(&ground));
    ground.links.insert("/lib".into(), "/opt/lib".into());
    assert!(policies.moved(&ground));
}

#[test]
fn a_tree_below_a_file_is_that_file() {
    let text = "[[fim.policy]]\nid = \"a\"\npaths = [\"/etc/passwd/\", \"/etc/pam.d/\"]\n";
    let mut ground = Fake::default();
    ground.ids.insert("/etc/passwd".into(), 1);
    let policies = Policies::read(&config(text), &ground).unwrap();
    assert_eq!(roots(&policies), [("/etc/pam.d", true), ("/etc/passwd", false)]);
    let rules = audit_rules::text(&policies, &audit_rules::Options { machine: "x86_64", chattr: false });
    assert!(rules.text.contains("-F path=/etc/passwd ") && rules.folders == 1, "{}", rules.text);
    assert!(!policies.moved(&ground));
    ground.ids.clear();
    assert!(policies.moved(&ground));
}

#[test]
fn the_digest_is_that_of_the_effective_settings() {
    let digest = |text: &str| read(text).digest();
    let one = digest("[[fim.policy]]\nid = \"a\"\npaths = [\"/a\"]\n[[fim.policy]]\nid = \"b\"\npaths = [\"/b\"]\n");
    let same = digest(
        "[[fim.policy]]\nid = \"b\"\npaths = [\"/b\"]\nhash = [\"blake3\", \"sha256\"]\nseverity = \"medium\"\n\
         [[fim.policy]]\npaths = [\"/a\"]\nid = \"a\"\nguard = \"notify\"\n",
    );
    assert_eq!(one, same);
    let other = digest(
        "[[fim.policy]]\nid = \"a\"\npaths = [\"/a\"]\n[[fim.policy]]\nid = \"b\"\npaths = [\"/b\"]\nexclude = [\"/b/c\"]\n",
    );
    let all = digest(
        "[fim]\nexclude = [\"/x\"]\n[[fim.policy]]\nid = \"a\"\npaths = [\"/a\"]\n[[fim.policy]]\nid = \"b\"\npaths = [\"/b\"]\n",
    );
    assert!(one != other && one != all && other != all);
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_place() {
    let text = r#"
        [[fim.policy]]
        id = "a b"
        paths = ["/x"]
        [[fim.policy]]
        id = "p"
        paths = ["etc", "/a/../b", "**/x"]
        exclude = ["*.bak"]
        exclude_regex = ["("]
        fstype = ["!"]
        recursion = 1000
        containers = ["colour:red"]
        scope = "host"
        events = []
        action = "enforce"
        allow = [{}, { exe = "java" }, { exe = "/x", sha256 = "12" }, { user = "x", container = "y" }]
        rotation = { by = ["logrotate"] }
        window = [{ days = ["monday"], from = "1", to = "2", reason = "" }]
        [[fim.policy]]
        id = "p"
        [fim.policy.diff]
        nodiff = ["x"]
    "#;
    let mut config = config(text);
    config.debounce_max = config::Span(Duration::from_millis(1));
    let problems = Policies::read(&config, &Nowhere).unwrap_err();
    let said = problems.to_string();
    for place in [
        "fim.policy[0].id",
        "fim.policy[2].id",
        "fim.policy \"p\".paths[0]",
        "fim.policy \"p\".paths[1]",
        "\"**/x\" does not begin",
        "\"p\".exclude[0]",
        "\"p\".exclude_regex[0]",
        "\"p\".fstype",
        "\"p\".recursion",
        "\"p\".containers[0]",
        "\"p\".scope",
        "\"p\".events",
        "\"p\".action",
        "\"p\".allow[0].exe",
        "\"p\".allow[1].exe",
        "\"p\".allow[2].sha256",
        "\"p\".allow[3].container",
        "\"p\".rotation",
        "\"p\".rotation.by",
        "\"p\".window[0].days",
        "\"p\".window[0].from",
        "\"p\".window[0].reason",
        "\"p\".diff.nodiff[0]",
        "\"p\".paths: names nothing",
        "fim.debounce",
    ] {
        assert!(said.contains(place), "{place} is missing in\n{said}");
    }
}

#[test]
fn unknown_words_in_a_file_are_named_each_with_its_place() {
    let problems = File::read(
        "[fim]\nexlude = []\n[[fim.policy]]\nid = \"a\"\npath = [\"/x\"]\nseverity = \"bad\"\n[[fim.policy]]\nguard = 1\n",
    );
    let places: Vec<_> = problems.unwrap_err().0.into_iter().map(|problem| problem.place).collect();
    assert_eq!(places, ["fim.exlude", "fim.policy[0].path", "fim.policy[0].severity", "fim.policy[1].guard"]);
    let mut config = Config::default();
    let files = [
        ("a.toml", "[[fim.policy]]\nid = \"x\"\npaths = [\"/x\"]\n"),
        ("b.toml", "[fim]\nmode = \"scan\"\n"),
        ("c.toml", "fim = 1"),
    ];
    let places: Vec<_> = config.add_files(files).unwrap_err().0.into_iter().map(|problem| problem.place).collect();
    assert_eq!(places, ["b.toml: fim.mode", "c.toml: fim"]);
    assert_eq!(config.policy[0].id, "x");
}

#[test]
fn an_explanation_names_the_pattern_or_what_left_it_out() {
    let policies = read(
        r#"
        [fim]
        exclude = ["**/.git/"]
        [[fim.policy]]
        id = "etc"
        paths = ["/etc/", "/usr/local/etc/"]
        exclude = ["/etc/mtab"]
        guard = "hold"
        exclude_regex = ["~$"]
        "#,
    );
    let why = |path: &str| policies.explain(Path::new(path)).answers[0].why.clone();
    assert_eq!(why("/etc/passwd"), Why::Watched);
    assert_eq!(why("/etc/mtab"), Why::Excluded("/etc/mtab".into()));
    assert_eq!(why("/etc/.git/x"), Why::ExcludedFromAll("**/.git/".into()));
    assert_eq!(why("/etc/x~"), Why::ExcludedByRegex("~$".into()));
    assert_eq!(why("/opt"), Why::NoPattern);
    let said = policies.explain(Path::new("/etc/pass\nwd")).to_string();
    assert_eq!(
        said,
        "\"/etc/pass\\nwd\" is watched by 1 policy\n  etc (medium): paths \"/etc/\", watched for create modify delete move attrib; openers are held\n"
    );
    assert!(
        policies
            .explain(Path::new("/opt"))
            .to_string()
            .ends_with("is not watched\n  1 other policies do not name it\n")
    );
}

/// Patterns and paths of few names, so that they meet often.
fn component() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]{1,2}",
        1 => Just("*".to_owned()),
        1 => Just("**".to_owned()),
        1 => Just("?".to_owned()),
        1 => Just("a*".to_owned()),
        1 => Just("{a,b/a}".to_owned()),
        1 => Just("[!a]".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    (proptest::collection::vec(component(), 1..5), any::<bool>())
        .prop_map(|(parts, tree)| format!("/{}{}", parts.join("/"), if tree { "/" } else { "" }))
}

fn policy() -> impl Strategy<Value = config::Policy> {
    (
        proptest::collection::vec(pattern(), 1..4),
        proptest::collection::vec(pattern(), 0..3),
        proptest::option::of(0..3_u32),
    )
        .prop_map(|(paths, exclude, recursion)| config::Policy { paths, exclude, recursion, ..Default::default() })
}

fn path() -> impl Strategy<Value = String> {
    proptest::collection::vec("[abc]{1,2}", 0..6).prop_map(|parts| format!("/{}", parts.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The automaton decides as trying every pattern does, and prunes only what nobody asks for.
    #[test]
    fn the_trie_decides_as_every_pattern_alone(
        written in proptest::collection::vec(policy(), 1..5),
        exclude in proptest::collection::vec(pattern(), 0..2),
        paths in proptest::collection::vec(path(), 1..40),
    ) {
        let mut written = written;
        written.iter_mut().enumerate().for_each(|(at, policy)| policy.id = format!("p{at}"));
        let config = Config { policy: written, exclude, use_defaults: false, ..Config::default() };
        let policies = Policies::read(&config, &Nowhere).unwrap();
        for path in paths {
            let path = Path::new(&path);
            let explained = policies.explain(path);
            let naive: Vec<_> = explained.watching().map(|answer| &*answer.policy.id).collect();
            let found = policies.of(path);
            prop_assert_eq!(ids(&found), naive, "{}", path.display());
            if !found.is_empty() {
                for folder in path.ancestors().skip(1) {
                    prop_assert_eq!(policies.interest(folder), Interest::Some, "{} for {}", folder.display(), path.display());
                }
                let mut roots = policies.roots().iter();
                prop_assert!(roots.any(|root| {
                    root.path == path || root.path == path.parent().unwrap_or(path) || (root.recursive && path.starts_with(&root.path))
                }), "no root for {}", path.display());
            }
        }
        for pair in policies.roots().windows(2) {
            prop_assert!(!pair[1].path.starts_with(&pair[0].path), "{:?}", pair);
        }
    }

    /// Reading never panics, whatever the patterns.
    #[test]
    fn any_text_is_a_pattern_or_an_error(text in "\\PC{0,30}", path in "\\PC{0,30}") {
        for one in glob::Pattern::read(&text).unwrap_or_default() {
            let _fits = one.fits(path.as_bytes());
        }
    }
}
