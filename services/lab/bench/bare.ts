// The floor of `bench start`: a process that loads grpc-js, fastify and pino, and listens. `node bare.ts SOCKET`; its line on stdout says that it does.
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { fastify } from "fastify";
import { pino } from "pino";

const log = pino({ name: "bare", level: "warn" }, pino.destination({ dest: 2, sync: true }));
const server = new Server();
const app = fastify({ logger: false });
app.get("/healthz", async () => ({ alive: true }));
await Promise.all([
  new Promise<void>((resolve, reject) => server.bindAsync(`unix:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()))),
  app.listen({ host: "127.0.0.1", port: 0 }),
]);
log.info("listening");
process.stdout.write('{"ready":true}\n');
process.stdin.on("end", () => process.exit(0)).resume();
