// SPDX-License-Identifier: BSD-2-Clause
// What Node asks of a kernel: an event loop, threads, files, compression. It prints the same wherever it runs.
const fs = require("fs"), zlib = require("zlib"), crypto = require("crypto");
const { Worker } = require("worker_threads");
const wait = (ms) => new Promise((done) => setTimeout(done, ms));

async function main() {
    const text = "drupe ".repeat(5000);
    console.log(crypto.createHash("sha256").update(text).digest("hex"), 2n ** 100n, [3, 1, 2].sort());
    fs.mkdirSync("/tmp/js/a/b", { recursive: true });
    await fs.promises.writeFile("/tmp/js/a/b/x", text);
    console.log((await fs.promises.stat("/tmp/js/a/b/x")).size, fs.readdirSync("/tmp/js", { recursive: true }));
    console.log(await fs.promises.readFile("/missing").catch((e) => e.code));
    const packed = await new Promise((done) => zlib.gzip(text, (_, bytes) => done(bytes)));
    console.log(zlib.gunzipSync(packed).toString() === text);
    const order = [];
    await Promise.all([1500, 10, 200].map((ms) => wait(ms).then(() => order.push(ms))));
    console.log(order);
    const worker = new Worker("const { parentPort: p } = require('worker_threads'); p.on('message', (n) => {" +
        " const f = (n) => n < 2 ? n : f(n - 1) + f(n - 2); p.postMessage(f(n)); p.close(); });", { eval: true });
    worker.postMessage(24);
    console.log(await new Promise((done) => worker.on("message", done)), await new Promise((done) => worker.on("exit", done)));
    let sum = 0;
    for (let n = 0; n < 3e6; n++) sum = (sum * 31 + n) | 0; // long enough to be compiled
    console.log(sum);
    process.on("SIGUSR2", () => { console.log("signal"); process.exit(3); });
    process.kill(process.pid, "SIGUSR2");
    await wait(10000);
}
main();
