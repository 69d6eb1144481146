import { request } from "node:http";

/** Body of a GET, or the error's code. */
export function curl(url: string): Promise<string> {
  return new Promise((resolve) => {
    const call = request(url, { agent: false, timeout: 5_000 }, (answer) => {
      let text = "";
      answer
        .setEncoding("utf8")
        .on("data", (part: string) => (text += part))
        .on("end", () => resolve(text));
    });
    call.on("timeout", () => call.destroy());
    call.on("error", (error) => resolve("code" in error ? String(error.code) : error.message));
    call.end();
  });
}
