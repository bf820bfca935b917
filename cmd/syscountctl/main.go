// Command syscountctl controls a running syscountd over D-Bus and shows what it
// has seen.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), osEnv(), os.Args[1:]))
}
