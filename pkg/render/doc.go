// Package render makes text out of secrets with the template language that
// users of Vault's agent know: Go templates with the functions of
// consul-template, and those of sprig under the prefix sprig_.
//
// Most callers need two functions: [Parse], once, and [Template.Execute], as
// often as a secret changes. Execute asks a [Source] for every secret that the
// template names. Those it does not hold yet come back as Missing; execute
// again when they arrive, until none is missing, and only then deliver Output
// and perform Writes.
//
// An output that needs no template, such as JSON, variables or a keystore, is
// made by a [Format]: [NewFormat] in place of Parse, the same Execute, and for
// some formats a Set of files in place of Output. [Formats] lists them.
//
// Templates that work on data which the caller has, and call each other, are a
// [Set]: [ParseSet], then [Set.Execute].
//
// What differs from consul-template, on purpose:
//   - functions of Consul and Nomad are known, and fail in clear words;
//   - plugin fails: run a command after rendering instead;
//   - spew_dump and spew_printf fail, because they would print values to the
//     log; spew_sdump and spew_sprintf write to the output;
//   - an error while secrets are missing only means "not yet";
//   - no error shows a value: see [ExecError];
//   - more is accepted: join and containsAll take the lists of a secret or of
//     parseJSON, arithmetic takes the numbers of a secret, and what parseYAML
//     returns can be given to toJSON;
//   - toYAML does not fold long lines.
//
// A template may loop without end and print without end: give templates that
// come from strangers to a process of their own.
package render
