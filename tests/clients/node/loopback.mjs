// Loaded before a test: what runs here asks no other machine for an address, hence reaches none.
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";

const lookup = dns.lookup;
dns.lookup = (host, ...rest) => {
  if (host !== "localhost" && host !== "127.0.0.1") throw new Error(`tests reach nothing beyond this machine, and this one tried ${host}`);
  return lookup(host, ...rest);
};
syncBuiltinESMExports();
