package render

import "text/template/parse"

// identifiers returns the names of all functions that the trees call.
func identifiers(trees map[string]*parse.Tree) map[string]bool {
	names := map[string]bool{}
	for _, tree := range trees {
		if tree.Root != nil {
			collect(tree.Root, names)
		}
	}
	return names
}

// collect walks one node. Only lists, branches and pipelines have others below them.
func collect(node parse.Node, names map[string]bool) {
	switch n := node.(type) {
	case *parse.IdentifierNode:
		names[n.Ident] = true
	case *parse.ListNode:
		if n != nil {
			collectAll(n.Nodes, names)
		}
	case *parse.ActionNode:
		collect(n.Pipe, names)
	case *parse.PipeNode:
		if n != nil {
			collectAll(n.Cmds, names)
		}
	case *parse.CommandNode:
		collectAll(n.Args, names)
	case *parse.ChainNode:
		collect(n.Node, names)
	case *parse.TemplateNode:
		collect(n.Pipe, names)
	case *parse.IfNode:
		collectBranch(&n.BranchNode, names)
	case *parse.RangeNode:
		collectBranch(&n.BranchNode, names)
	case *parse.WithNode:
		collectBranch(&n.BranchNode, names)
	}
}

func collectBranch(n *parse.BranchNode, names map[string]bool) {
	collect(n.Pipe, names)
	collect(n.List, names)
	collect(n.ElseList, names)
}

func collectAll[N parse.Node](nodes []N, names map[string]bool) {
	for _, n := range nodes {
		collect(n, names)
	}
}
