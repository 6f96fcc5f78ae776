#!/usr/bin/env node
import { launch } from './launch.js'

await launch('typevisor-system-x86_64')
