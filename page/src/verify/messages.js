/**
 * The messages that a client needs (protocol section 2), as tables: field number -> name, type, and how often.
 *
 * A field that is signed or hashed is of type `bytes` and is kept exactly as received: encodings are not canonical. The
 * tables are read by wire.js (binary) and json.js.
 */

/**
 * @typedef {"string" | "bytes" | "uint32" | "int32" | "uint64" | "int64" | "fixed64" | "bool" | "enum"} Scalar
 * @typedef {"single" | "optional" | "repeated" | "map"} Label
 * @typedef {{name: string, type: Scalar | Schema, label: Label, key?: Scalar}} Field
 * @typedef {{name: string, fields: Map<number, Field>}} Schema
 */

/**
 * @param {string} name
 * @param {Record<number, [string, Scalar | Schema, Label?, Scalar?]>} fields
 * @returns {Schema}
 */
function message(name, fields) {
  /** @type {Schema} */
  const schema = { name, fields: new Map() };
  for (const [number, [field, type, label = "single", key]] of Object.entries(fields)) {
    schema.fields.set(Number(number), { name: field, type, label, key });
  }
  return schema;
}

export const Timestamp = message("Timestamp", { 1: ["seconds", "int64"], 2: ["nanos", "int32"] });
export const Duration = message("Duration", { 1: ["seconds", "int64"], 2: ["nanos", "int32"] });

/** Its field 1 is the only member of a oneof: present, even if empty. */
export const PublicKey = message("PublicKey", { 1: ["ed25519", "bytes", "optional"] });

export const QuorumExpr = message("QuorumExpr", {
  1: ["threshold", "uint32"],
  2: ["candidates", "fixed64", "repeated"],
});
QuorumExpr.fields.set(3, { name: "subexpressions", type: QuorumExpr, label: "repeated" });

export const AuthorizationPolicy = message("AuthorizationPolicy", {
  1: ["public_keys", PublicKey, "map", "fixed64"],
  2: ["quorum", QuorumExpr],
});

export const Entry = message("Entry", {
  1: ["index", "bytes"],
  2: ["version", "uint64"],
  3: ["update_policy", AuthorizationPolicy],
  4: ["profile_commitment", "bytes"],
});

export const Profile = message("Profile", { 1: ["nonce", "bytes"], 2: ["keys", "bytes", "map", "string"] });

export const SignedEntryUpdate = message("SignedEntryUpdate", {
  1: ["new_entry", "bytes"],
  2: ["signatures", "bytes", "map", "fixed64"],
});

export const EpochHead = message("EpochHead", {
  1: ["realm", "string"],
  2: ["epoch", "uint64"],
  3: ["root_hash", "bytes"],
  4: ["issue_time", Timestamp],
  5: ["previous_summary_hash", "bytes"],
  6: ["next_epoch_policy", AuthorizationPolicy],
});

export const TimestampedEpochHead = message("TimestampedEpochHead", {
  1: ["head", "bytes"],
  2: ["timestamp", Timestamp],
});

export const SignedEpochHead = message("SignedEpochHead", {
  1: ["head", "bytes"],
  2: ["signatures", "bytes", "map", "fixed64"],
});

export const TreeProof = message("TreeProof", {
  1: ["neighbors", "bytes", "repeated"],
  2: ["existing_index", "bytes"],
  3: ["existing_entry_hash", "bytes"],
});

export const LookupProof = message("LookupProof", {
  1: ["user_id", "string"],
  2: ["index", "bytes"],
  3: ["index_proof", "bytes"],
  4: ["ratifications", SignedEpochHead, "repeated"],
  5: ["tree_proof", TreeProof],
  6: ["entry", "bytes", "optional"],
  7: ["profile", "bytes", "optional"],
});

export const LookupRequest = message("LookupRequest", {
  1: ["epoch", "uint64"],
  2: ["user_id", "string"],
  4: ["quorum_requirement", QuorumExpr],
});

export const EmailProof = message("EmailProof", {
  1: ["dkim_proof", "bytes", "optional"],
  2: ["oidc_token", "string", "optional"],
  3: ["saml_response", "string", "optional"],
});

export const UpdateRequest = message("UpdateRequest", {
  1: ["update", SignedEntryUpdate],
  2: ["profile", "bytes"],
  3: ["lookup_parameters", LookupRequest],
  1000: ["email_proof", EmailProof],
});

/** Without what only programs need that connect by gRPC. */
export const RealmConfig = message("RealmConfig", {
  1: ["RealmName", "string"],
  2: ["domains", "string", "repeated"],
  3: ["addr", "string"],
  4: ["URL", "string"],
  5: ["VRFPublic", "bytes"],
  6: ["verification_policy", AuthorizationPolicy],
  7: ["epoch_time_to_live", Duration],
  8: ["tree_nonce", "bytes"],
  100: ["vrf_suite", "enum"],
  101: ["signer_names", "string", "map", "fixed64"],
  102: ["keyserver_auth", AuthorizationPolicy],
});

export const Config = message("Config", { 1: ["realms", RealmConfig, "repeated"] });
