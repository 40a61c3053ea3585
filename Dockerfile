# One image for the four services and the lab: Node runs the TypeScript sources directly, so nothing is compiled.
FROM node:24-bookworm-slim AS dependencies
WORKDIR /faultline
COPY package.json package-lock.json .npmrc ./
COPY shared/package.json shared/
COPY services/smmu/package.json services/smmu/
COPY services/host/package.json services/host/
COPY services/vmm/package.json services/vmm/
COPY services/guest/package.json services/guest/
COPY services/lab services/lab
COPY test/package.json test/
# Optional packages stay: koffi's prebuilt library is one. The Node that npm ci brings is not needed here: the image has it.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-progress && rm -rf node_modules/node-linux-* node_modules/.bin/node

FROM node:24-bookworm-slim
WORKDIR /faultline
COPY --link --from=dependencies /faultline/node_modules node_modules
COPY --link package.json package-lock.json README.md LICENSE ./
COPY --link proto proto
COPY --link shared shared
COPY --link services services
# Reports of the lab: a volume takes its owner from here.
RUN mkdir runs .compile-cache && chown node:node runs .compile-cache
USER node
# Node keeps what it compiles: a container starts in half the time. A flag that nobody knows loads a service and ends it.
ENV NODE_COMPILE_CACHE=/faultline/.compile-cache
RUN for service in smmu host vmm guest; do node "services/$service/shell/main.ts" --warm-up 2>/dev/null; done; \
    node services/lab/cli/main.ts demo --help >/dev/null; \
    node --input-type=module -e 'for (const it of ["./shared/shell/admin-server.ts", "./shared/shell/metrics.ts", "./shared/shell/machine-file.ts", "fastify", "@fastify/swagger", "prom-client"]) await import(it)'
ENTRYPOINT ["node"]
