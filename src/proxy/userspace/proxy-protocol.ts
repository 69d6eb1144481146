import { parseIpv4 } from "../ipv4.ts";

/** The two ends of a connection as the client sees it. */
export interface Ends {
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
}

const V2_SIGNATURE = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
/** Version 2, command PROXY. */
const V2_PROXY = 0x21;
/** TCP over IPv4. */
const V2_TCP4 = 0x11;
const V2_ADDRESS_BYTES = 12;

/** What stands before the bytes of a client, so that the server knows its address. Pure. */
export function proxyHeader(version: "v1" | "v2", ends: Ends): Buffer {
  if (version === "v1")
    return Buffer.from(`PROXY TCP4 ${ends.from} ${ends.to} ${ends.fromPort} ${ends.toPort}\r\n`);
  const header = Buffer.alloc(V2_SIGNATURE.length + 4 + V2_ADDRESS_BYTES);
  let offset = V2_SIGNATURE.copy(header);
  offset = header.writeUInt8(V2_PROXY, offset);
  offset = header.writeUInt8(V2_TCP4, offset);
  offset = header.writeUInt16BE(V2_ADDRESS_BYTES, offset);
  offset = header.writeUInt32BE(parseIpv4(ends.from) ?? 0, offset);
  offset = header.writeUInt32BE(parseIpv4(ends.to) ?? 0, offset);
  offset = header.writeUInt16BE(ends.fromPort, offset);
  header.writeUInt16BE(ends.toPort, offset);
  return header;
}
