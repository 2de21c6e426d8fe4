// Package effective works out who logs in where for a custom resource.
//
// A resource refers to a VaultAuth, that one to a VaultAuthGlobal which completes
// it and to a VaultConnection. The functions [AuthName], [GlobalNames] and
// [ConnectionName] say which objects to look up, [Admit] who may use them, and
// [Resolve] makes of what was found a [Login]: the connection, the way to log in
// and where its credentials are. [CacheKey] names the session that results.
//
// Nothing is looked up here, and no Secret is read. What is wrong is an [*Error]
// that says what to do next: denied, not found or invalid.
//
// Most callers need two functions: Resolve and CacheKey.
package effective
