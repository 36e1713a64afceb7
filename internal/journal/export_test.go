package journal

// CannotSync is for tests.
var CannotSync = cannotSync
