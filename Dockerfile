# The image of vaultk8s for those who have a container engine; `make image` makes the
# same one without. Nothing but the program, authorities and a user.
#
#   docker build -t vaultk8s/vaultk8s:dev --build-arg VERSION=dev .
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS=linux
ARG TARGETARCH=amd64
ARG VERSION=dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY cmd cmd
COPY pkg pkg
COPY charts charts
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/vaultk8s ./cmd/vaultk8s
RUN printf 'root:x:0:0:root:/:/sbin/nologin\nvaultk8s:x:65532:65532:vaultk8s:/:/sbin/nologin\n' > /out/passwd && \
    printf 'root:x:0:\nvaultk8s:x:65532:\n' > /out/group && \
    mkdir -m 1777 /out/tmp

FROM scratch
COPY --from=build /out/passwd /out/group /etc/
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/tmp /tmp
COPY --from=build /out/vaultk8s /usr/local/bin/vaultk8s
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/vaultk8s"]
