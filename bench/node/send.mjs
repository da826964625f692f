// nodemailer, pooled: node send.mjs '{"port": 25, "count": 1000, "connections": 10, "sample": "digest.html", "key": null}'
import { readFileSync } from "node:fs";
import nodemailer from "nodemailer";

const orders = JSON.parse(process.argv[2]);
const page = readFileSync(orders.sample, "utf8");
const transport = nodemailer.createTransport({
  host: "127.0.0.1", port: orders.port, secure: false, ignoreTLS: true,
  pool: true, maxConnections: orders.connections, maxMessages: Infinity,
  dkim: orders.key ? { domainName: "zagroscourier.example", keySelector: "bench", privateKey: readFileSync(orders.key, "utf8") } : undefined,
});
const text = page.replace(/<style[\s\S]*?<\/style>|<[^>]+>/g, " ").replace(/\s+/g, " ").slice(0, 8000);
let next = 0;
const began = process.hrtime.bigint();
const before = process.cpuUsage();

async function lane() {
  for (let number; (number = next++) < orders.count; ) {
    await transport.sendMail({
      from: "The Zagros Courier <briefing@zagroscourier.example>",
      to: `reader${number}@d${number % 97}.readers.example`,
      envelope: { from: `b+${number}@zagroscourier.example`, to: `reader${number}@d${number % 97}.readers.example` },
      subject: "Morning briefing", text, html: page.replaceAll("TOKEN", `t${number}`), textEncoding: "quoted-printable",
    });
  }
}

await Promise.all(Array.from({ length: orders.connections * 2 }, lane));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
const used = process.cpuUsage(before);
transport.close();
console.log(JSON.stringify({ seconds, processor_seconds: (used.user + used.system) / 1e6, megabytes: process.memoryUsage().rss / 1048576 }));
