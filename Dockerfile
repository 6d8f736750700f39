# The major version that package.json names, in its newest release: build with --pull to get the latest security fixes.
FROM node:26-trixie-slim

WORKDIR /app
COPY package.json package-lock.json ./
# The image brings Node; the `node` package is for development. What is optional is for `evaluate`, which reads logs elsewhere.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force
COPY policies policies
COPY src src
COPY examples examples

# Everything that is written goes here: the outcome log, counters, and the signing key where SIGNING_KEYS is unset.
RUN install --directory --owner=node --group=node /data
VOLUME /data
USER node

# Reachable from outside the container, so API_KEYS must be given: docker run -e API_KEYS=ads:predict:… -p 8080:8080 -v bandit:/data
ENV HOST=0.0.0.0 PORT=8080 DATA_DIR=/data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=2s CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/cli/main.ts", "serve"]
