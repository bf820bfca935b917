package main

import (
	"context"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// content is what the file holds.
const content = "slow\n"

// delays is how long each operation takes.
type delays struct {
	read, fsync, open time.Duration
}

// root is the directory; slow is the file in it.
type root struct {
	fs.Inode
	delays delays
}

type slow struct {
	fs.Inode
	delays delays
}

var (
	_ fs.NodeOnAdder   = (*root)(nil)
	_ fs.NodeGetattrer = (*slow)(nil)
	_ fs.NodeOpener    = (*slow)(nil)
	_ fs.NodeReader    = (*slow)(nil)
	_ fs.NodeFsyncer   = (*slow)(nil)
)

// mount mounts the file system on dir and returns when it answers.
func mount(dir string, delays delays) (*fuse.Server, error) {
	options := &fs.Options{MountOptions: fuse.MountOptions{
		DirectMountStrict: true,
		AllowOther:        true, // the caller may be any service
		FsName:            "fusedelay",
		Name:              "fusedelay",
	}}
	return fs.Mount(dir, &root{delays: delays}, options)
}

// OnAdd puts the file into the directory.
func (r *root) OnAdd(ctx context.Context) {
	file := r.NewPersistentInode(ctx, &slow{delays: r.delays}, fs.StableAttr{Mode: syscall.S_IFREG})
	r.AddChild("slow", file, false)
}

// Getattr gives the size and lets everybody read.
func (s *slow) Getattr(_ context.Context, _ fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	out.Mode = 0o444
	out.Size = uint64(len(content))
	return 0
}

// Open takes its time. Direct I/O makes each read of a caller one request to
// us: the page cache would answer the second one without a delay.
func (s *slow) Open(context.Context, uint32) (fs.FileHandle, uint32, syscall.Errno) {
	time.Sleep(s.delays.open)
	return nil, fuse.FOPEN_DIRECT_IO, 0
}

// Read takes its time.
func (s *slow) Read(_ context.Context, _ fs.FileHandle, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	time.Sleep(s.delays.read)
	from := min(max(off, 0), int64(len(content)))
	to := min(from+int64(len(dest)), int64(len(content)))
	return fuse.ReadResultData([]byte(content[from:to])), 0
}

// Fsync takes its time. So does the fsync of a file opened for reading only,
// which is legal and does nothing else.
func (s *slow) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno {
	time.Sleep(s.delays.fsync)
	return 0
}
