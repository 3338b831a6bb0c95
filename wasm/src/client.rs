//! What the host knows of the connection that a request came on.

use countersign::client::{self, ClientCertificate, Place, address_of, country_of};
use wasm_bindgen::prelude::*;

/// The connection's other end.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Client(client::Client);

#[wasm_bindgen]
impl Client {
    /// Throws where `address` is no IP address: a host knows one, or leaves it out. A `country` that is none is as one
    /// that is not known, and so are degrees that are no place on Earth. `certificate` is in DER; whether it is `verified`
    /// and `revoked` counts only beside it.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::too_many_arguments, reason = "one crossing into WebAssembly instead of eight")]
    pub fn new(
        address: Option<String>,
        asn: Option<u32>,
        country: Option<String>,
        certificate: Option<Vec<u8>>,
        verified: bool,
        revoked: bool,
        latitude: Option<f64>,
        longitude: Option<f64>,
    ) -> Result<Self, JsError> {
        let address = address.map(|text| address_of(&text).ok_or_else(|| JsError::new("is no IP address")));
        Ok(Self(client::Client {
            address: address.transpose()?,
            asn,
            country: country.and_then(|country| country_of(&country)),
            place: latitude.zip(longitude).and_then(|(latitude, longitude)| Place::new(latitude, longitude)),
            certificate: certificate.map(|der| ClientCertificate { der, verified, revoked }),
        }))
    }
}

impl Client {
    pub(crate) fn into_inner(self) -> client::Client {
        self.0
    }
}
