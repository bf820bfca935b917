package decode

import (
	"fmt"
)

// An ioctl's number, as asm-generic/ioctl.h builds it on both architectures:
// direction, size of what the pointer points to, type (a letter, mostly), number.
const (
	ioctlTypeShift = 8
	ioctlSizeShift = 16
	ioctlDirShift  = 30
	ioctlSizeMask  = 1<<14 - 1
)

var ioctlDirections = [...]string{"_IO", "_IOW", "_IOR", "_IOWR"}

// ioctlRequest is the name of a common request, or its parts as the source of a
// driver has them: "_IOWR('X', 119, 4)".
func ioctlRequest(_ Call, v uint64) string {
	request := uint32(v)
	if name := ioctlNames[request]; name != "" {
		return name
	}
	kind, number := request>>ioctlTypeShift&0xff, request&0xff
	size, dir := request>>ioctlSizeShift&ioctlSizeMask, request>>ioctlDirShift
	letter := fmt.Sprintf("%#x", kind)
	if kind > ' ' && kind < 0x7f && kind != '\'' && kind != '\\' {
		letter = fmt.Sprintf("'%c'", kind)
	}
	if dir == 0 && size == 0 {
		return fmt.Sprintf("_IO(%s, %d)", letter, number)
	}
	return fmt.Sprintf("%s(%s, %d, %d)", ioctlDirections[dir], letter, number, size)
}

// ioc builds a request that x/sys has no name for.
func ioc(dir, kind, number, size uint32) uint32 {
	return dir<<ioctlDirShift | size<<ioctlSizeShift | kind<<ioctlTypeShift | number
}
