# What names the prefix is written when that is known: on installing. Runs as a part of `cmake --install`; `from` is this
# folder, `scratch` one to write to.
set(prefix ${CMAKE_INSTALL_PREFIX})
set(etc ${prefix}/etc/chromatin)
if(prefix STREQUAL "/usr")
  set(etc /etc/chromatin)
endif()

configure_file(${from}/chromatin.service.in ${scratch}/chromatin.service @ONLY)
file(INSTALL ${scratch}/chromatin.service DESTINATION ${prefix}/lib/systemd/system)

# A service keeps its conversations; the example alone would not.
file(READ ${from}/chromatin.toml config)
string(REPLACE "\n#disk = " "\ndisk = " config "${config}")
file(WRITE ${scratch}/chromatin.toml "${config}")
if(NOT EXISTS "$ENV{DESTDIR}${etc}/chromatin.toml")
  file(INSTALL ${scratch}/chromatin.toml DESTINATION ${etc})
endif()
