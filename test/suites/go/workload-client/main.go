// Command workload-client asks a SPIFFE Workload API as an application does with go-spiffe: it prints a line for each
// identity that comes, after it verified it against the bundle that came with it, and ends after COUNT of them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spiffe/go-spiffe/v2/svid/x509svid"
	"github.com/spiffe/go-spiffe/v2/workloadapi"
)

type watcher struct {
	left int
	done chan error
}

func (w *watcher) OnX509ContextUpdate(update *workloadapi.X509Context) {
	if w.left == 0 {
		return
	}
	svid := update.DefaultSVID()
	id, _, err := x509svid.Verify(svid.Certificates, update.Bundles)
	if err != nil {
		w.left = 0
		w.done <- err
		return
	}
	line, _ := json.Marshal(map[string]string{"id": id.String(), "serial": svid.Certificates[0].SerialNumber.String()})
	fmt.Println(string(line))
	w.left--
	if w.left == 0 {
		w.done <- nil
	}
}

func (w *watcher) OnX509ContextWatchError(err error) {
	if w.left > 0 {
		w.left = 0
		w.done <- err
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: workload-client SOCKET COUNT")
		os.Exit(2)
	}
	count, err := strconv.Atoi(os.Args[2])
	if err == nil {
		err = run("unix://"+os.Args[1], count)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(address string, count int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client, err := workloadapi.New(ctx, workloadapi.WithAddr(address))
	if err != nil {
		return err
	}
	defer client.Close()
	w := &watcher{left: count, done: make(chan error, 1)}
	go func() { _ = client.WatchX509Context(ctx, w) }()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
