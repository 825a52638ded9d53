#pragma once
#define gettext(text) (text)
