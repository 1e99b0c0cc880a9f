--- awork: create and validate contact infos of awork.com.
local core = require "awork.core"

return { null = core.null }
