/** The messages as they are once decoded (messages.js). 64-bit integers are bigint; a message that is absent is null. */

export type Bytes = Uint8Array;
export interface Time {
  seconds: bigint;
  nanos: number;
}
export interface PublicKey {
  ed25519: Bytes | null;
}
export interface QuorumExpr {
  threshold: number;
  candidates: bigint[];
  subexpressions: QuorumExpr[];
}
export interface AuthorizationPolicy {
  public_keys: Map<bigint, PublicKey>;
  quorum: QuorumExpr | null;
}
export interface Entry {
  index: Bytes;
  version: bigint;
  update_policy: AuthorizationPolicy | null;
  profile_commitment: Bytes;
}
export interface Profile {
  nonce: Bytes;
  keys: Map<string, Bytes>;
}
export interface SignedEntryUpdate {
  new_entry: Bytes;
  signatures: Map<bigint, Bytes>;
}
export interface EpochHead {
  realm: string;
  epoch: bigint;
  root_hash: Bytes;
  issue_time: Time | null;
  previous_summary_hash: Bytes;
  next_epoch_policy: AuthorizationPolicy | null;
}
export interface TimestampedEpochHead {
  head: Bytes;
  timestamp: Time | null;
}
export interface SignedEpochHead {
  head: Bytes;
  signatures: Map<bigint, Bytes>;
}
export interface TreeProof {
  neighbors: Bytes[];
  existing_index: Bytes;
  existing_entry_hash: Bytes;
}
export interface LookupProof {
  user_id: string;
  index: Bytes;
  index_proof: Bytes;
  ratifications: SignedEpochHead[];
  tree_proof: TreeProof | null;
  entry: Bytes | null;
  profile: Bytes | null;
}
export interface LookupRequest {
  epoch: bigint;
  user_id: string;
  quorum_requirement: QuorumExpr | null;
}
export interface EmailProof {
  dkim_proof: Bytes | null;
  oidc_token: string | null;
  saml_response: string | null;
}
export interface UpdateRequest {
  update: SignedEntryUpdate | null;
  profile: Bytes;
  lookup_parameters: LookupRequest | null;
  email_proof: EmailProof | null;
}
export interface RealmConfig {
  RealmName: string;
  domains: string[];
  addr: string;
  URL: string;
  VRFPublic: Bytes;
  verification_policy: AuthorizationPolicy | null;
  epoch_time_to_live: Time | null;
  tree_nonce: Bytes;
  vrf_suite: number;
  signer_names: Map<bigint, string>;
  /** The part of verification_policy that is the replicas', where the configuration says. */
  keyserver_auth: AuthorizationPolicy | null;
}

/** An epoch's head, read and checked for its form. */
export interface Head {
  realm: string;
  epoch: bigint;
  root_hash: Bytes;
  /** When the epoch was closed, in nanoseconds since 1970. */
  issue_time_ns: bigint;
  previous_summary_hash: Bytes;
  /** The EpochHead message, as it came. */
  epoch_head: Bytes;
  /** When this signer signed, in nanoseconds since 1970. */
  timestamp_ns: bigint;
}

/** What a lookup has proven. */
export interface Verified {
  user_id: string;
  index: Bytes;
  epoch: bigint;
  head: Head;
  /** Who signed, by id, and when each says that it did, in nanoseconds since 1970. */
  signers: Map<bigint, bigint>;
  /** null where the address is proven absent; so is the profile. */
  entry: Entry | null;
  profile: Profile | null;
  /** false if the realm's VRF lets its provider show different people different entries. */
  vrf_trustworthy: boolean;
  /** Each step's name, and a sentence on what it showed. */
  steps: [string, string][];
}
