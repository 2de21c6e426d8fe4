package fakevault

import (
	"maps"
	"slices"
)

// roles are those of an engine, by their names. All engines list, read and delete them
// in the same way.
type roles[R any] map[string]R

// serve answers a request for one of them, or for the list. A write is the engine's own:
// then it returns nil.
func (all roles[R]) serve(c *call, name string, describe func(R) map[string]any) *reply {
	r, known := all[name]
	switch {
	case c.op == opWrite:
		return nil
	case c.op == opList:
		return keysReply(slices.Sorted(maps.Keys(all)))
	case c.op == opDelete:
		delete(all, name)
		return empty()
	case c.op != opRead:
		return unsupported()
	case !known:
		return notFound()
	}
	return dataReply(describe(r))
}
