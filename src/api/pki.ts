// The certificate library's container needs this polyfill, loaded before it.
import "reflect-metadata";
import {
  createHash,
  createPrivateKey,
  webcrypto,
  X509Certificate as NodeCertificate,
} from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { dirname, join } from "node:path";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Name,
  PemConverter,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import type { JsonGeneralName, PublicKey } from "@peculiar/x509";
import type { Millis } from "../base/clock.ts";

/** A certificate and its private key (PKCS #8), as PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface ServerCertificateRequest {
  readonly commonName: string;
  /** DNS names and IP addresses that clients may call it by. */
  readonly hosts: readonly string[];
  readonly now: Millis;
  readonly validMs?: Millis;
}

export interface ClientCertificateRequest {
  /** The user. */
  readonly commonName: string;
  /** The groups. */
  readonly organizations: readonly string[];
  readonly now: Millis;
  readonly validMs?: Millis;
}

/** Signs the certificates of one cluster. */
export interface Authority {
  /** The CA's certificate, PEM: what others must trust. */
  readonly cert: string;
  issueServer(request: ServerCertificateRequest): Promise<KeyPair>;
  issueClient(request: ClientCertificateRequest): Promise<KeyPair>;
  /** A client's certificate for a key that only the client has, as PEM. Throws `PkiError` "unreadable". */
  signClient(request: SignRequest): Promise<string>;
}

export interface SignRequest extends ClientCertificateRequest {
  /** PEM of a PKCS #10 request. Its signature must be right; what it says beside its key is not looked at. */
  readonly csr: string;
  /** Stands in the certificate as its alternative name. */
  readonly uri: string;
}

export type PkiErrorCode = "unreadable" | "mismatch" | "expired" | "invalid-name";

/** The CA's files are not what they must be. `message` names the file and the cure. */
export class PkiError extends Error {
  override readonly name = "PkiError";
  readonly code: PkiErrorCode;

  constructor(code: PkiErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

const DAY_MS = 86_400_000;
const CA_VALID_MS: Millis = 3650 * DAY_MS;
const SERVER_VALID_MS: Millis = 365 * DAY_MS;
/** Nodes renew theirs well before. */
const CLIENT_VALID_MS: Millis = 7 * DAY_MS;
/** Clocks of two machines differ: certificates are valid from a little before they were made. */
const SKEW_MS: Millis = 5 * 60_000;
const PRIVATE_MODE = 0o600;
/** What users and groups may be called: nothing that a distinguished name gives a meaning to. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9 .:_@/-]{0,189}$/;

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" } as const;

cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);

/** Makes a new CA. Nothing is written. */
export async function createAuthority(options: {
  readonly commonName: string;
  readonly now: Millis;
}): Promise<Authority & KeyPair> {
  const keys = await generateKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: nameOf(options.commonName, []),
    keys,
    notBefore: new Date(options.now - SKEW_MS),
    notAfter: new Date(options.now + CA_VALID_MS),
    signingAlgorithm: ALGORITHM,
    serialNumber: serialNumber(),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(
        KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
        true,
      ),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = await exportKey(keys.privateKey);
  return { ...authority(certificate, keys.privateKey), key };
}

/** The CA that the two PEM texts are. Throws `PkiError` when they do not belong together or the CA has expired. */
export async function loadAuthority(pair: KeyPair, now: Millis): Promise<Authority & KeyPair> {
  const { certificate, privateKey } = await parsePair(pair);
  if (!new NodeCertificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))) {
    throw new PkiError("mismatch", "Cannot use the CA: its key does not belong to its certificate");
  }
  if (certificate.notAfter.getTime() <= now) {
    const until = certificate.notAfter.toISOString();
    throw new PkiError("expired", `Cannot use the CA: its certificate was valid until ${until}`);
  }
  return { ...authority(certificate, privateKey), key: pair.key };
}

/** The CA kept in `directory` (`ca.crt`, `ca.key`), made there when neither is. Safe to call again after a crash. */
export async function openAuthority(options: {
  readonly directory: string;
  readonly commonName: string;
  readonly now: Millis;
}): Promise<Authority & KeyPair> {
  const { directory } = options;
  const pair = await readKeyPair(directory, "ca");
  if (pair !== undefined) return loadAuthority(pair, options.now);
  const made = await createAuthority(options);
  await writeKeyPair(directory, "ca", made);
  return made;
}

/** `<name>.crt` and `<name>.key` of a directory; `undefined` unless both are there. */
export async function readKeyPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [cert, key] = await Promise.all([
    readIfThere(join(directory, `${name}.crt`)),
    readIfThere(join(directory, `${name}.key`)),
  ]);
  return cert === undefined || key === undefined ? undefined : { cert, key };
}

/** Writes `<name>.key` (mode 0600), then `<name>.crt`, each whole or not at all. */
export async function writeKeyPair(directory: string, name: string, pair: KeyPair): Promise<void> {
  await writePrivateFile(join(directory, `${name}.key`), pair.key);
  await writePrivateFile(join(directory, `${name}.crt`), pair.cert);
}

/** Writes a file that only its owner may read, whole or not at all. Makes its folder (0700). */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${webcrypto.randomUUID()}.tmp`;
  await writeFile(temporary, content, { mode: PRIVATE_MODE, flag: "wx" });
  await rename(temporary, path);
}

/** When the certificate ends, in ms since the epoch. Pure. */
export function validUntil(cert: string): Millis {
  return new NodeCertificate(cert).validToDate.getTime();
}

function authority(certificate: X509Certificate, signingKey: webcrypto.CryptoKey): Authority {
  return {
    cert: certificate.toString("pem"),
    issueServer: ({ commonName, hosts, now, validMs = SERVER_VALID_MS }) =>
      issue(certificate, signingKey, {
        subject: { commonName, organizations: [] },
        usage: ExtendedKeyUsage.serverAuth,
        hosts,
        now,
        validMs,
      }),
    issueClient: ({ commonName, organizations, now, validMs = CLIENT_VALID_MS }) =>
      issue(certificate, signingKey, {
        subject: { commonName, organizations },
        usage: ExtendedKeyUsage.clientAuth,
        hosts: [],
        now,
        validMs,
      }),
    signClient: async ({ csr, uri, commonName, organizations, now, validMs = CLIENT_VALID_MS }) =>
      sign(certificate, signingKey, {
        subject: { commonName, organizations },
        usage: ExtendedKeyUsage.clientAuth,
        hosts: [],
        uri,
        publicKey: await keyOfRequest(csr),
        now,
        validMs,
      }),
  };
}

/** The key that a request is for, once it has proved to have it. Throws `PkiError` "unreadable". */
export async function keyOfRequest(csr: string): Promise<PublicKey> {
  try {
    const request = new Pkcs10CertificateRequest(csr);
    if (await request.verify()) return request.publicKey;
  } catch (error) {
    throw new PkiError("unreadable", "Cannot read the certificate request", { cause: error });
  }
  throw new PkiError("unreadable", "The certificate request is not signed by its own key");
}

/** A new key, and a request to have it signed, both as PEM. */
export async function createRequest(
  commonName: string,
): Promise<{ readonly csr: string; readonly key: string }> {
  const keys = await generateKeys();
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: nameOf(commonName, []),
    keys,
    signingAlgorithm: ALGORITHM,
  });
  return { csr: request.toString("pem"), key: await exportKey(keys.privateKey) };
}

/** SHA-256 of the certificate's public key (SPKI), base64url: how a CA is told by those who do not know it yet. Pure. */
export function publicKeyHash(cert: string): string {
  const spki = new NodeCertificate(cert).publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest("base64url");
}

async function parsePair({ cert, key }: KeyPair) {
  try {
    const certificate = new X509Certificate(cert);
    const der = PemConverter.decodeFirst(key);
    const privateKey = await webcrypto.subtle.importKey("pkcs8", der, KEY_ALGORITHM, true, [
      "sign",
    ]);
    return { certificate, privateKey };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PkiError("unreadable", `Cannot read the CA: ${why}`, { cause: error });
  }
}

interface Issue {
  readonly subject: { readonly commonName: string; readonly organizations: readonly string[] };
  readonly usage: ExtendedKeyUsage;
  readonly hosts: readonly string[];
  readonly now: Millis;
  readonly validMs: Millis;
}

interface Sign extends Issue {
  readonly publicKey: PublicKey | webcrypto.CryptoKey;
  readonly uri?: string;
}

async function issue(
  ca: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  { subject, usage, hosts, now, validMs }: Issue,
): Promise<KeyPair> {
  const keys = await generateKeys();
  const { publicKey } = keys;
  const cert = await sign(ca, signingKey, { subject, usage, hosts, now, validMs, publicKey });
  return { cert, key: await exportKey(keys.privateKey) };
}

async function sign(
  ca: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  { subject, usage, hosts, uri, publicKey, now, validMs }: Sign,
): Promise<string> {
  const { commonName, organizations } = subject;
  const end = Math.min(now + validMs, ca.notAfter.getTime());
  const names = [...hostNames(hosts), ...(uri === undefined ? [] : [urlName(uri)])];
  const certificate = await X509CertificateGenerator.create({
    subject: nameOf(commonName, organizations),
    issuer: ca.subject,
    publicKey,
    signingKey,
    signingAlgorithm: ALGORITHM,
    serialNumber: serialNumber(),
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(end),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      await AuthorityKeyIdentifierExtension.create(ca),
      ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
    ],
  });
  return certificate.toString("pem");
}

function nameOf(commonName: string, organizations: readonly string[]): Name {
  for (const name of [commonName, ...organizations]) {
    if (SAFE_NAME.test(name)) continue;
    throw new PkiError(
      "invalid-name",
      `Cannot issue a certificate for ${JSON.stringify(name)}: names consist of letters, digits and " .:_@/-"`,
    );
  }
  return new Name([...organizations.map((O) => ({ O: [O] })), { CN: [commonName] }]);
}

function hostNames(hosts: readonly string[]): JsonGeneralName[] {
  return hosts.map((host) => ({ type: isIP(host) === 0 ? "dns" : "ip", value: host }));
}

function urlName(value: string): JsonGeneralName {
  return { type: "url", value };
}

async function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(KEY_ALGORITHM, true, [
    "sign",
    "verify",
  ])) as webcrypto.CryptoKeyPair;
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey("pkcs8", key);
  return `${PemConverter.encode(der, PemConverter.PrivateKeyTag)}\n`;
}

/** 126 random bits with a positive, non-zero first byte, as RFC 5280 asks. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    const why = error instanceof Error ? error.message : String(error);
    throw new PkiError("unreadable", `Cannot read "${path}": ${why}`, { cause: error });
  }
}
