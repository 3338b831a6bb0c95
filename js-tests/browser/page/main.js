// An agent's page: has the SDK for whoever drives it.
import * as sdk from "countersign/agent";

Object.assign(globalThis, { sdk });
