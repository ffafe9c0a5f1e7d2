//! The key exchange and the hashes that are made of what it yields.

use crypto_bigint::modular::ConstMontyForm;
use crypto_bigint::{U192, U768, const_monty_params};

use crate::hash::Sha1;
use crate::id::InfoHash;
use crate::violation::Violation;

const_monty_params!(
    Prime,
    U768,
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
     020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
     4FE1356D6D51C245E485B576625E7EC6F44C42E9A63A36210000000000090563",
    "The prime of the key exchange."
);

type Residue = ConstMontyForm<Prime, { U768::LIMBS }>;

/// The length of a public key and of the shared secret, in bytes.
pub const KEY_LEN: usize = 96;

const GENERATOR: u8 = 2;

/// Bits of a secret exponent.
const SECRET_BITS: u32 = 160;

/// Our side of the key exchange.
#[derive(Clone)]
pub(crate) struct Secret(U192);

/// What both sides know and nobody else.
pub(crate) struct Shared(pub(super) [u8; KEY_LEN]);

impl Secret {
    pub(crate) fn new(random: &[u8; 20]) -> Self {
        let mut bytes = [0; 24];
        bytes[4..].copy_from_slice(random);
        // Never zero.
        bytes[4] |= 0x80;
        Self(U192::from_be_slice(&bytes))
    }

    /// The public key: one exponentiation.
    pub(crate) fn public(&self) -> [u8; KEY_LEN] {
        self.power_of(&U768::from_u8(GENERATOR))
    }

    /// What we share with the owner of a public key: one exponentiation.
    ///
    /// Keys that lead to a secret which anybody can guess (0, 1, the prime less 1) are refused, and those beyond the
    /// prime.
    pub(crate) fn shared_with(&self, theirs: &[u8; KEY_LEN]) -> Result<Shared, Violation> {
        let theirs = U768::from_be_slice(theirs);
        let last = Residue::MODULUS.as_ref().wrapping_sub(&U768::ONE);
        if theirs <= U768::ONE || theirs >= last {
            return Err(Violation::MseKey);
        }
        Ok(Shared(self.power_of(&theirs)))
    }

    fn power_of(&self, base: &U768) -> [u8; KEY_LEN] {
        let power = Residue::new(base).pow_bounded_exp(&self.0, SECRET_BITS);
        let mut bytes = [0; KEY_LEN];
        bytes.copy_from_slice(power.retrieve().to_be_bytes().as_ref());
        bytes
    }
}

impl Shared {
    /// What the responder looks for to find the end of the initiator's padding.
    pub(crate) fn sync_mark(&self) -> [u8; 20] {
        hash(b"req1", &self.0)
    }

    /// Hides the hash of a torrent, and shows it again.
    pub(crate) fn mask(&self, skey_hash: &[u8; 20]) -> [u8; 20] {
        let mask = hash(b"req3", &self.0);
        std::array::from_fn(|at| mask[at] ^ skey_hash[at])
    }
}

/// What a torrent is called in the handshake: a responder keeps a map from these to the torrents that it serves, so
/// that looking one up costs the same however many there are.
#[must_use]
pub fn skey_hash(torrent: InfoHash) -> [u8; 20] {
    hash(b"req2", &torrent.0)
}

fn hash(label: &[u8], bytes: &[u8]) -> [u8; 20] {
    let mut hash = Sha1::new();
    hash.update(label);
    hash.update(bytes);
    hash.finish()
}
