//go:build tools

// Package suites names the programs that setup.mjs builds, so that go.mod pins them.
package suites

import (
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
