//! What may stand on the command line, and its help.
//!
//! Parsed by `cli::run`. Shell completions follow from the same types.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  gostream                                    serve with the defaults, all under ./data
  gostream --data-dir /srv/gostream serve     the same, in another place
  gostream add film.torrent                   add a film; prints its path in the mount
  gostream add --dir tv 'magnet:?xt=urn:btih:…'
  gostream ls --long                          what is in the library
  gostream rm movies/Film_0a1b2c3d.mkv        take a film out
  gostream refused                            what was taken out, and stays out
  gostream doctor                             is this machine ready?
  gostream config --defaults > config.json    every setting, explained

Exit codes: 0 done, 1 failed, 2 bad input or usage.";

/// A torrent looks like a file on a disk.
#[derive(Debug, Parser)]
#[command(name = "gostream", version, after_help = EXAMPLES, disable_help_subcommand = true)]
pub struct Args {
    /// Options of every command.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which GoStream is meant.
#[derive(Debug, clap::Args)]
pub struct PlaceArgs {
    /// Settings file [default: $MKV_PROXY_CONFIG_PATH, else config.json beside the program].
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory of library, mount and state [default: $STATE_DIRECTORY, else ./data].
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Mount the library and serve it until SIGTERM or SIGINT (the default).
    Serve,
    /// Add the films of a torrent and print the path of each.
    #[command(after_help = ADD_EXAMPLES)]
    Add(AddArgs),
    /// List the films of the library.
    Ls {
        /// Show size in bytes, state and info-hash too.
        #[arg(short, long)]
        long: bool,
    },
    /// Take films out of the library.
    Rm {
        /// Path in the mount, as `ls` prints it.
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<String>,
    },
    /// List the torrents that were removed and that no job brings back, or lift that.
    ///
    /// Each line has the days since the removal, the info-hash, and the title when every release of it is refused.
    Refused {
        /// Lift the refusal of these torrents, and of their titles.
        #[arg(long, num_args = 1.., value_name = "HASH")]
        lift: Vec<String>,
    },
    /// List the addresses that sent bad data and are banned for good, or lift that.
    ///
    /// Each line has the days since the ban, the address and the reason.
    Bans {
        /// Lift the bans of these IP addresses. A film that plays keeps to them until it is closed for a while.
        #[arg(long, num_args = 1.., value_name = "IP")]
        lift: Vec<String>,
    },
    /// Save database, library, settings and trackers in one file.
    Backup {
        /// The tar file to write; an older backup there is replaced.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Put the state of a backup in place; what it replaces is kept aside.
    Restore {
        /// A file that `backup` wrote.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Take over torrents, viewed marks and settings of a TorrServer, or the state of an earlier GoStream.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(ImportArgs),
    /// Check that this machine can run GoStream, and say how to mend what cannot.
    Doctor,
    /// Run a demonstration that needs no internet, in a temporary directory.
    Demo {
        /// Go on serving the demonstration's film until SIGTERM or SIGINT.
        #[arg(long)]
        keep: bool,
    },
    /// Show which settings and directories are in effect, or change settings.
    #[command(args_conflicts_with_subcommands = true, after_help = CONFIG_EXAMPLES)]
    Config {
        /// Print every setting with its default and meaning instead.
        #[arg(long)]
        defaults: bool,
        /// What to do with single settings.
        #[command(subcommand)]
        action: Option<ConfigAction>,
    },
    /// Print a Samba share of the mount, or check an smb.conf that has one.
    #[command(after_help = SAMBA_EXAMPLES)]
    SambaConfig(SambaArgs),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  gostream import http://192.168.1.2:8090    a TorrServer that runs
  gostream import /opt/torrserver            its folder: config.db, settings.json, viewed.json
  gostream import --dry-run /opt/torrserver  what would that do?
  gostream import torrents.json              what its POST /torrents {\"action\":\"list\"} answers
  gostream import ~/STATE                    the state folder of an earlier GoStream";

/// What to take over.
#[derive(Debug, clap::Args)]
pub struct ImportArgs {
    /// A folder, a file of one, or the http(s) address of a TorrServer that runs.
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Say what would come of it, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Take their settings also where config.json or the environment says something else.
    #[arg(long, conflicts_with = "no_settings")]
    pub force: bool,
    /// Leave the settings as they are.
    #[arg(long)]
    pub no_settings: bool,
}

/// What to do with single settings.
#[derive(Debug, Subcommand)]
pub enum ConfigAction {
    /// Print what settings are set to; all of them when none is named. Secrets are not shown.
    Get {
        /// A key, such as upload_limit_kb or natpmp.enabled.
        #[arg(value_name = "KEY")]
        keys: Vec<String>,
    },
    /// Change settings, all or none; a running server takes them at once where it can.
    Set {
        /// Keys, each with its value; a list as `a,b`, and `-` for a value from the standard input.
        #[arg(required = true, num_args = 2.., value_names = ["KEY", "VALUE"], allow_negative_numbers = true)]
        pairs: Vec<String>,
    },
    /// Put settings back to their defaults.
    Unset {
        /// The keys.
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

const CONFIG_EXAMPLES: &str = "\
Examples:
  gostream config --defaults > config.json
  gostream config get upload_limit_kb
  gostream config set upload_limit_kb 512 natpmp.enabled true
  gostream config set listen loopback,192.168.1.0/24
  gostream config set web_user ann web_password -
  gostream config unset web_user web_password";

const ADD_EXAMPLES: &str = "\
Examples:
  gostream add film.torrent
  gostream add https://example.org/film.torrent
  gostream add --name 'Big Buck Bunny' 'magnet:?xt=urn:btih:…'
  gostream add --dir tv 0123456789abcdef0123456789abcdef01234567";

/// What to add.
#[derive(Debug, clap::Args)]
pub struct AddArgs {
    /// A magnet, a .torrent file, an http(s) URL of one, or an info-hash.
    #[arg(value_name = "LINK")]
    pub link: String,
    /// Folder of the library [default: tv or movies, by the name].
    #[arg(long, value_name = "FOLDER")]
    pub dir: Option<String>,
    /// Title to use instead of the torrent's name.
    #[arg(long)]
    pub name: Option<String>,
}

const SAMBA_EXAMPLES: &str = "\
Examples:
  gostream samba-config                          print a share that only reads
  gostream samba-config --allow-delete --share Films
  gostream samba-config --check                  what is wrong with /etc/samba/smb.conf?
  gostream samba-config --check ./smb.conf";

/// What to do about Samba.
#[derive(Debug, clap::Args)]
pub struct SambaArgs {
    /// Check this smb.conf, and fail when something is wrong with it [default: /etc/samba/smb.conf].
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "/etc/samba/smb.conf")]
    pub check: Option<PathBuf>,
    /// Let clients delete films, which takes them out of the library.
    #[arg(long, conflicts_with = "check")]
    pub allow_delete: bool,
    /// Name of the share.
    #[arg(
        long,
        value_name = "NAME",
        default_value = "gostream",
        conflicts_with = "check"
    )]
    pub share: String,
}
