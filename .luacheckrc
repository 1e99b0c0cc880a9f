std = "lua54"
max_line_length = 120
files["spec"] = { std = "lua54+busted" }
files["types"] = { ignore = { ".*" } }
exclude_files = { "build*/**", "lua_modules/**", ".luarocks/**", "node_modules/**" }
