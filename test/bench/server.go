package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// serverRequests is what a run of the network server answers; serverClients are
// the connections that ask at once.
const (
	serverRequests = 5_000
	serverClients  = 4
)

// serveRequests is a web server and its clients in one process: it answers that
// many requests over loopback connections and returns. Accept, epoll, reads and
// writes of sockets, futexes between threads.
func serveRequests(ctx context.Context, requests int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(hello),
		ReadHeaderTimeout: time.Minute,
	}
	group, ctx := errgroup.WithContext(ctx)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	for client := range serverClients {
		share := requests / serverClients
		if client < requests%serverClients {
			share++
		}
		group.Go(func() error { return request(ctx, "http://"+listener.Addr().String(), share) })
	}
	err = errors.Join(group.Wait(), server.Close())
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// request asks n times over one connection.
func request(ctx context.Context, url string, n int) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	for range n {
		asked, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(asked)
		if err != nil {
			return fmt.Errorf("ask: %w", err)
		}
		body, err := io.ReadAll(answer.Body)
		if err = errors.Join(err, answer.Body.Close()); err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if string(body) != "hello\n" {
			return fmt.Errorf("answer %q instead of %q", body, "hello\n")
		}
	}
	return nil
}
