package render

import (
	"encoding/json"
	"reflect"
)

// numberFunctions calculate. The first argument is the operand and the second
// the number it is applied to, for pipelines: 5 | subtract 2 is 3.
func numberFunctions() []function {
	return []function{
		{name: "add", arguments: "B A", summary: "A + B", plain: arithmetic(operation{
			func(a, b int64) int64 { return a + b }, func(a, b uint64) uint64 { return a + b }, func(a, b float64) float64 { return a + b }, false,
		})},
		{name: "subtract", arguments: "B A", summary: "A - B", plain: arithmetic(operation{
			func(a, b int64) int64 { return a - b }, func(a, b uint64) uint64 { return a - b }, func(a, b float64) float64 { return a - b }, false,
		})},
		{name: "multiply", arguments: "B A", summary: "A * B", plain: arithmetic(operation{
			func(a, b int64) int64 { return a * b }, func(a, b uint64) uint64 { return a * b }, func(a, b float64) float64 { return a * b }, false,
		})},
		{name: "divide", arguments: "B A", summary: "A / B, without a fraction where both are whole numbers", plain: arithmetic(operation{
			func(a, b int64) int64 { return a / b }, func(a, b uint64) uint64 { return a / b }, func(a, b float64) float64 { return a / b }, true,
		})},
		{name: "modulo", arguments: "B A", summary: "the rest of A / B, of whole numbers", plain: arithmetic(operation{
			func(a, b int64) int64 { return a % b }, func(a, b uint64) uint64 { return a % b }, nil, true,
		})},
		{name: "minimum", arguments: "B A", summary: "the smaller one", plain: func(b, a any) (any, error) { return pick(b, a, true) }},
		{name: "maximum", arguments: "B A", summary: "the larger one", plain: func(b, a any) (any, error) { return pick(b, a, false) }},
	}
}

// operation is one kind of arithmetic for each kind of number.
type operation struct {
	whole    func(a, b int64) int64
	unsigned func(a, b uint64) uint64
	real     func(a, b float64) float64 // nil: only for whole numbers
	divides  bool
}

// arithmetic makes a function that calculates with unsigned numbers if both
// are, with real ones if one is, and else with whole ones.
func arithmetic(o operation) func(b, a any) (any, error) {
	return func(b, a any) (any, error) {
		x, y, err := numbers(a, b)
		if err != nil {
			return nil, err
		}
		switch {
		case x.CanFloat() || y.CanFloat():
			if o.real == nil {
				return nil, fail("takes whole numbers only")
			}
			return o.real(real64(x), real64(y)), nil
		case o.divides && y.IsZero():
			return nil, fail("division by zero")
		case x.CanUint() && y.CanUint():
			return o.unsigned(x.Uint(), y.Uint()), nil
		default:
			return o.whole(whole64(x), whole64(y)), nil
		}
	}
}

// pick returns one of two numbers as it was given. Of equal ones it is A.
func pick(b, a any, smaller bool) (any, error) {
	x, y, err := numbers(a, b)
	if err != nil {
		return nil, err
	}
	if smaller && less(y, x) || !smaller && less(x, y) {
		return y.Interface(), nil
	}
	return x.Interface(), nil
}

func less(x, y reflect.Value) bool {
	switch {
	case x.CanFloat() || y.CanFloat():
		return real64(x) < real64(y)
	case x.CanUint() && y.CanUint():
		return x.Uint() < y.Uint()
	default:
		return whole64(x) < whole64(y)
	}
}

func numbers(a, b any) (x, y reflect.Value, err error) {
	if x, err = number(a); err == nil {
		y, err = number(b)
	}
	return x, y, err
}

// number takes Go's numbers and those of a secret.
func number(v any) (reflect.Value, error) {
	if n, ok := v.(json.Number); ok {
		if whole, err := n.Int64(); err == nil {
			return reflect.ValueOf(whole), nil
		}
		if fraction, err := n.Float64(); err == nil {
			return reflect.ValueOf(fraction), nil
		}
	}
	value := reflect.ValueOf(v)
	if value.CanInt() || value.CanUint() || value.CanFloat() {
		return value, nil
	}
	return value, fail("the argument is of type %T, must be a number", v)
}

func whole64(v reflect.Value) int64 {
	if v.CanUint() {
		return int64(v.Uint())
	}
	return v.Int()
}

func real64(v reflect.Value) float64 {
	switch {
	case v.CanFloat():
		return v.Float()
	case v.CanUint():
		return float64(v.Uint())
	default:
		return float64(v.Int())
	}
}
