import type { DoReply__Output } from "@faultline/shared/gen/types/lab/v1/DoReply.ts";
import type { EndpointClient as Stub } from "@faultline/shared/gen/types/lab/v1/Endpoint.ts";
import type { Action, Outcome } from "@faultline/shared/shell/endpoint-actions.ts";
import { actionToWire, outcomeFromWire } from "@faultline/shared/shell/endpoint-messages.ts";
import { MAX_WAIT_MS } from "@faultline/shared/shell/endpoint-misfit.ts";
import { endpointService } from "@faultline/shared/shell/endpoint-server.ts";
import { channelOptions } from "@faultline/shared/shell/grpc-edge.ts";
import { type Client, credentials, makeGenericClientConstructor, type ServiceError, status } from "@grpc/grpc-js";
import { infrastructureError, inputError } from "../cli/errors.ts";

const Constructor = makeGenericClientConstructor(endpointService() as never, "Endpoint");
const ANSWER_MS = 5_000;

/** Scripted endpoints of a machine that runs (lab/v1 Endpoint of its smmu). Rejections are `Failure`s: input when the service refuses, infrastructure when it does not answer. */
export class EndpointClient {
  readonly #stub: Client & Stub;
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
    this.#stub = new Constructor(address, credentials.createInsecure(), channelOptions(address)) as unknown as Client & Stub;
  }

  /** The actions in order, each with its outcome. Refused: none was done. */
  async do(bdf: number, actions: readonly Action[]): Promise<Outcome[]> {
    const waits = actions.reduce((sum, action) => sum + ("waitMs" in action ? Math.min(action.waitMs, MAX_WAIT_MS) : 0), 0);
    const request = { actions: actions.map((action) => actionToWire(bdf, action)) };
    const { outcomes } = await this.#unary<DoReply__Output>(waits, (deadline, done) => this.#stub.Do(request, { deadline }, done));
    return outcomes.map(outcomeFromWire);
  }

  /** The machine is powered on again. */
  async reset(): Promise<void> {
    await this.#unary(0, (deadline, done) => this.#stub.Reset({}, { deadline }, done));
  }

  close(): void {
    this.#stub.close();
  }

  #unary<Reply>(waitMs: number, call: (deadline: Date, done: (error: ServiceError | null, reply?: Reply) => void) => unknown): Promise<Reply> {
    return new Promise((resolve, reject) => {
      call(new Date(Date.now() + ANSWER_MS + waitMs), (error, reply) => (!error && reply ? resolve(reply) : reject(this.#failure(error))));
    });
  }

  #failure(error: ServiceError | null): Error {
    if (error?.code === status.INVALID_ARGUMENT) {
      const [, field, reason] = /^actions\[\d+\]\.([\w.]+): (.*)$/s.exec(error.details) ?? [];
      return field === "sid" ? inputError(reason, "bdf") : inputError(error.details.replace(/^actions\[\d+\]\./, ""), field?.replace(/^.*\./, ""));
    }
    // The service is served only where there is somebody to script.
    if (error?.code === status.UNIMPLEMENTED) {
      return inputError("the machine has no scripted endpoint: npx faultline up --machine services/lab/machines/scripted.yaml starts one that has", "bdf");
    }
    return infrastructureError(`smmu at ${this.#address} does not answer (${error?.details || "no answer"})`, "smmu");
  }
}
