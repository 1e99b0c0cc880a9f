-- Stands before the real awork.sandbox.server in a coverage run: the sandbox's own lua_State does not see LUA_INIT.
dofile "tools/luacov.lua"
package.path = package.path:gsub("tools/coverage/%?%.lua;", "")
return dofile(assert(package.searchpath("awork.sandbox.server", package.path)))
