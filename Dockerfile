# Builds the one binary, and puts it into an image that holds nothing else that runs as root.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/syncline /syncline && strip /syncline

FROM debian:bookworm-slim
# Certificates of the authorities that providers' certificates are checked against.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --create-home --shell /usr/sbin/nologin syncline
COPY --from=build /syncline /usr/local/bin/syncline
USER 10001:10001
WORKDIR /data
ENV SYNCLINE_DATA_DIR=/data
EXPOSE 50051 3000
ENTRYPOINT ["syncline"]
CMD ["serve"]
