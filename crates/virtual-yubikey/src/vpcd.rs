//! The card's end of vpcd, the virtual reader of the vsmartcard project, for
//! machines whose pcscd has that driver already.
//!
//! vpcd listens, the card connects. Each message is a length (2 bytes,
//! big-endian) and that many bytes; one byte is a control code, more is an APDU.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::card::ATR;
use crate::error::Error;
use crate::reader::Shared;
use virtual_yubikey_ifd::protocol::Request;

const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

pub(crate) fn connect(address: &str) -> Result<TcpStream, Error> {
    TcpStream::connect(address).map_err(|source| Error::Vpcd {
        address: address.to_owned(),
        source,
    })
}

/// Answers until the connection ends.
pub(crate) fn obey(shared: &Shared, stream: &mut TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let message = read(stream)?;
        let answer = match message.as_slice() {
            [POWER_OFF] => {
                shared.answer(&Request::PowerDown);
                continue;
            }
            [POWER_ON | RESET] => {
                shared.answer(&Request::PowerUp);
                continue;
            }
            [GET_ATR] => ATR.to_vec(),
            [_] | [] => continue,
            _ => shared.answer(&Request::Transmit(message)),
        };
        let length =
            u16::try_from(answer.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        stream.write_all(&[&length.to_be_bytes(), answer.as_slice()].concat())?;
    }
}

fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    // vpcd writes length and bytes in two writes and the kernel holds the
    // second back until the first is acknowledged: 40 ms for each APDU, unless
    // we acknowledge at once. The option does not last; it is set each time.
    let _ = rustix::net::sockopt::set_tcp_quickack(&*stream, true);
    let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}
