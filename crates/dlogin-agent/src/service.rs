//! The signing service, for the other parts of dlogin on this machine.

use dlogin_service::{
    Answer, Input, KeyPlace, Peer, Refusal, Request, Sign, read_frame, write_frame,
};

use crate::announce::About;
use crate::connection::{Client, Shared};
use crate::content::{Content, answers_a_ca, printable};
use crate::queue::{Wanted, What, deadline};

/// Answers until the other side closes, or says what cannot be understood.
pub(crate) fn converse(shared: &Shared, mut client: Client) {
    while let Ok(Some(frame)) = read_frame(&mut client.stream) {
        let (answer, over) = match Request::from_bytes(&frame) {
            Ok(Request::List) => (list(shared), false),
            Ok(Request::Sign(asked)) => (sign(shared, &client, asked), false),
            Err(_) => (Err(Refusal::Malformed), true),
        };
        let answer = answer.unwrap_or_else(Answer::Refused);
        if write_frame(&mut client.stream, &answer.to_bytes()).is_err() || over {
            return;
        }
    }
}

fn list(shared: &Shared) -> Result<Answer, Refusal> {
    let live = shared.live()?;
    Ok(Answer::Identities(
        live.into_iter().map(|held| held.identity).collect(),
    ))
}

fn sign(shared: &Shared, client: &Client, asked: Sign) -> Result<Answer, Refusal> {
    // Several certificates may be for one key; one that is good will do.
    let held = shared
        .all()?
        .into_iter()
        .filter(|held| held.identity.key == asked.key)
        .min_by_key(|held| held.expired)
        .ok_or(Refusal::UnknownKey)?;
    if held.expired {
        return Err(Refusal::Expired);
    }
    if held.identity.place != KeyPlace::Yubikey {
        return Err(Refusal::OnDisk);
    }
    if held.identity.algorithm != asked.algorithm {
        return Err(Refusal::Unsupported);
    }
    let about = about(&asked, &client.peer);
    let what = match asked.input {
        Input::Message(message) if answers_a_ca(&message) => {
            client.tell(&shared.queue, about, Refusal::Forbidden);
            return Err(Refusal::Forbidden);
        }
        Input::Message(message) => What::Message(message),
        Input::Digest(digest) => What::Digest(digest),
    };
    let wanted = Wanted {
        key: held.key,
        what,
        about,
        deadline: deadline(asked.patience),
        alive: client.alive(),
    };
    shared.queue.sign(wanted).map(Answer::Signature)
}

/// What can be seen to be a login or a signed file is called that. Of all else
/// there is what the program says, called its word.
fn about(asked: &Sign, peer: &Peer) -> About {
    let unseen = match &asked.input {
        Input::Message(message) => {
            if let Some(seen) = Content::of(message).words() {
                return About::new(seen, peer);
            }
            ""
        }
        Input::Digest(_) => ": a digest, whose content cannot be seen",
    };
    let purpose = printable(&asked.purpose);
    let to = match &asked.peer {
        Some(host) => format!(" to {}", printable(host)),
        None => String::new(),
    };
    About::new(format!("{purpose}{to}, says the program{unseen}"), peer)
}
