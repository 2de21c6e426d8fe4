package agentfile

import "slices"

// last reads a block that may repeat: the last one counts, as in a template of
// the Vault Agent.
func last(read func(d *decoder, path string, n *node)) reader {
	return func(d *decoder, path string, f field) {
		objects, ok := blocks(f.value)
		if !ok {
			d.problem(f.line, "key %q must be a block, not %v", path, f.value.kind)
			return
		}
		if len(objects) == 0 {
			return
		}
		if len(objects) > 1 || f.nth > 0 {
			d.warn(f.line, "block %q stands more than once; the last one counts", path)
		}
		read(d, path, objects[len(objects)-1])
	}
}

// patterns reads a list of names, or one string in which commas separate. The
// old and the new name of such a key add up.
func patterns(at *[]string) reader {
	return func(d *decoder, path string, f field) {
		var more []string
		words(&more)(d, path, f)
		if f.nth > 0 {
			*at = more
			return
		}
		*at = append(slices.Clip(*at), more...)
	}
}

// threshold reads the part of a lease after which it is renewed. The Vault Agent
// takes any number; what makes no sense gives way to the default.
func threshold(at *float64) reader {
	return func(d *decoder, path string, f field) {
		before := len(d.problems)
		assumed, said := *at, 0.0
		fraction(&said)(d, path, f)
		switch {
		case len(d.problems) > before || said == 0:
		case said < 0 || said >= 1:
			d.warn(f.line, "key %q is %v, not above 0 and below 1; %v is used", path, said, assumed)
		default:
			*at = said
		}
	}
}
