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
RUN mkdir runs && chown node:node runs
USER node
ENTRYPOINT ["node"]
