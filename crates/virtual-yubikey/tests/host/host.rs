//! The host's side of the commands, for tests that hold the card in their hands.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::sync::LazyLock;

use aes::Aes192;
use des::TdesEde3;
use des::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use virtual_yubikey::{Firmware, Root, Settings, VirtualYubiKey};

pub const PIN: &[u8; 8] = b"123456\xFF\xFF";
pub const PUK: &[u8; 8] = b"12345678";
pub const MANAGEMENT_KEY: [u8; 24] = [
    1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8,
];
pub const P256: u8 = 0x11;
pub const P384: u8 = 0x14;
pub const RSA2048: u8 = 0x07;

/// PIN or touch policy "by default", never, and the others.
pub const DEFAULT: u8 = 0;
pub const NEVER: u8 = 1;
pub const PIN_ONCE: u8 = 2;
pub const PIN_ALWAYS: u8 = 3;
pub const TOUCH_ALWAYS: u8 = 2;
pub const TOUCH_CACHED: u8 = 3;

/// Response data, or the status word.
pub type Answer = Result<Vec<u8>, u16>;

pub struct Host {
    pub card: VirtualYubiKey,
}

impl Host {
    /// A new key with PIV selected.
    pub fn new(settings: Settings) -> Self {
        // Which root does not matter to most tests, and one takes a while to make.
        static ROOT: LazyLock<Root> = LazyLock::new(|| Root::generate().unwrap());
        Self::with_root(settings, &ROOT)
    }

    pub fn with_root(settings: Settings, root: &Root) -> Self {
        Self::of(VirtualYubiKey::new(settings, root).unwrap())
    }

    pub fn of(card: VirtualYubiKey) -> Self {
        let mut host = Self { card };
        host.select().unwrap();
        host
    }

    pub fn v5_7_4() -> Self {
        Self::new(Settings::new(Firmware::V5_7_4))
    }

    pub fn raw(&mut self, apdu: &[u8]) -> (Vec<u8>, u16) {
        let mut response = self.card.transmit(apdu);
        let status = response.split_off(response.len() - 2);
        (response, u16::from_be_bytes([status[0], status[1]]))
    }

    /// A command with extended lengths.
    pub fn send(&mut self, ins: u8, p1: u8, p2: u8, data: &[u8]) -> Answer {
        let mut apdu = vec![0, ins, p1, p2, 0];
        apdu.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        apdu.extend(data);
        if data.is_empty() {
            apdu.truncate(4);
            apdu.extend([0, 0, 0]);
        }
        match self.raw(&apdu) {
            (data, 0x9000) => Ok(data),
            (_, status) => Err(status),
        }
    }

    pub fn select(&mut self) -> Answer {
        self.send(0xA4, 4, 0, &[0xA0, 0, 0, 3, 8])
    }

    /// Power off and on, PIV selected again.
    pub fn power_cycle(&mut self) {
        self.card.power_cycle();
        self.select().unwrap();
    }

    pub fn verify(&mut self, pin: &[u8]) -> Answer {
        self.send(0x20, 0, 0x80, pin)
    }

    /// Mutual authentication with the factory's management key.
    pub fn manage(&mut self) -> Answer {
        self.manage_with(&MANAGEMENT_KEY)
    }

    pub fn manage_with(&mut self, key: &[u8]) -> Answer {
        let aes = self.card.settings().firmware >= Firmware::new(5, 7, 0);
        let (algorithm, size) = if aes { (0x0A, 16) } else { (0x03, 8) };
        let sent = self.send(0x87, algorithm, 0x9B, &[0x7C, 2, 0x80, 0])?;
        let witness = block(aes, key, &sent[4..], false);
        let challenge = vec![0x5A; size];
        let data = tlv(0x7C, &[tlv(0x80, &witness), tlv(0x81, &challenge)].concat());
        let answer = self.send(0x87, algorithm, 0x9B, &data)?;
        assert_eq!(
            answer[4..],
            block(aes, key, &challenge, true),
            "the card has the key too"
        );
        Ok(answer)
    }

    pub fn generate(&mut self, slot: u8, algorithm: u8, pin: u8, touch: u8) -> Answer {
        let parameters = [
            tlv(0x80, &[algorithm]),
            tlv(0xAA, &[pin]),
            tlv(0xAB, &[touch]),
        ];
        self.send(0x47, 0, slot, &tlv(0xAC, &parameters.concat()))
    }

    pub fn attest(&mut self, slot: u8) -> Answer {
        self.send(0xF9, slot, 0, &[])
    }

    pub fn sign(&mut self, slot: u8, algorithm: u8, input: &[u8]) -> Answer {
        let template = [tlv(0x82, &[]), tlv(0x81, input)].concat();
        self.send(0x87, algorithm, slot, &tlv(0x7C, &template))
    }

    pub fn object(&mut self, id: &[u8]) -> Answer {
        self.send(0xCB, 0x3F, 0xFF, &tlv(0x5C, id))
    }

    pub fn put_object(&mut self, id: &[u8], content: &[u8]) -> Answer {
        let data = [tlv(0x5C, id), tlv(0x53, content)].concat();
        self.send(0xDB, 0x3F, 0xFF, &data)
    }

    /// The certificate in an object.
    pub fn certificate(&mut self, id: &[u8]) -> Vec<u8> {
        let object = self.object(id).unwrap();
        let content = value(&object);
        value(content).to_vec()
    }

    pub fn import_p256(&mut self, slot: u8, secret: &[u8; 32]) -> Answer {
        self.send(0xFE, P256, slot, &tlv(0x06, secret))
    }

    /// Wrong PINs and PUKs until nothing is left of either.
    pub fn block_everything(&mut self) {
        while self.verify(b"99999999") != Err(0x6983) {}
        let wrong = [*b"99999999", *b"99999999"].concat();
        while self.send(0x2C, 0, 0x80, &wrong) != Err(0x6983) {}
    }
}

fn block(aes: bool, key: &[u8], input: &[u8], encrypt: bool) -> Vec<u8> {
    fn with<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt>(
        key: &[u8],
        input: &[u8],
        encrypt: bool,
    ) -> Vec<u8> {
        let cipher = C::new_from_slice(key).unwrap();
        let mut block = Array::try_from(input).unwrap();
        if encrypt {
            cipher.encrypt_block(&mut block);
        } else {
            cipher.decrypt_block(&mut block);
        }
        block.to_vec()
    }
    if aes {
        with::<Aes192>(key, input, encrypt)
    } else {
        with::<TdesEde3>(key, input, encrypt)
    }
}

pub fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = tag
        .to_be_bytes()
        .into_iter()
        .skip_while(|b| *b == 0)
        .collect();
    match value.len() {
        n @ 0..0x80 => out.push(n as u8),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend(value);
    out
}

/// The value of an element with a tag of one byte.
pub fn value(element: &[u8]) -> &[u8] {
    match element[1] {
        n @ 0..=0x7F => &element[2..2 + n as usize],
        0x81 => &element[3..3 + element[2] as usize],
        _ => &element[4..4 + u16::from_be_bytes([element[2], element[3]]) as usize],
    }
}
