# The guest that tries out a host's KVM: a disk that boots by BIOS and by UEFI alike.
#
# It does what an operating system does while it starts, says a word on the first serial port after
# each step, and powers the machine off. What it does not say is what does not run.
#
#     as --64 -o probe.o probe.s && objcopy -O binary -j .text probe.o probe.img
#
# makes probe.img of it, which is kept beside it, so that nobody needs an assembler to build; a test
# compares the two.

        .intel_syntax noprefix

        .equ SECTOR, 512
        .equ FILE_SECTORS, 5            # of the EFI application
        .equ BOOT, 0x7c00               # where a BIOS loads a boot sector
        .equ HOME, 0x10000              # where the code runs: page-aligned and below 1 MiB for SIPI
        .equ PML4, 0x1000               # page tables, below the boot sector
        .equ PML5, 0x7000
        .equ IDT, 0x20000
        .equ FAR, 128 << 20
        .equ COM1, 0x3f8
        .equ PM1A_CONTROL, 0x604        # q35's, where both firmwares put it
        .equ APIC, 0xfee00000
        .equ TIMER, 0x40                # the timer's interrupt

# ---------------------------------------------------------------- sector 0: boot sector, and FAT12
        .code16
disk:
        jmp     short boot
        nop
        .ascii  "CLAWBAKE"
        .short  SECTOR                  # bytes per sector
        .byte   1                       # sectors per cluster
        .short  1                       # sectors before the FAT
        .byte   1                       # FATs
        .short  16                      # entries of the root directory: one sector
        .short  64                      # sectors
        .byte   0xf8                    # a hard disk
        .short  1                       # sectors per FAT
        .short  63, 16                  # geometry
        .long   0, 0
        .byte   0x80, 0, 0x29
        .long   1
        .ascii  "PROBE      FAT12   "

boot:
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, BOOT
        cld
        mov     si, BOOT + (packet - disk)
        mov     ah, 0x42                # read sectors; the BIOS has left the drive in dl
        int     0x13
        jc      .
        .macro  identity_map            # the first 4 GiB in pages of 2 MiB; the same text in all modes
        mov     edi, PML4
        mov     ecx, (PML5 + 0x1000 - PML4) / 4
1:      mov     dword ptr [edi], 0
        add     edi, 4
        dec     ecx
        jnz     1b
        mov     dword ptr [edi - 0x1000], PML4 + 3
        mov     edi, PML4
        mov     dword ptr [edi], PML4 + 0x1003
        mov     eax, PML4 + 0x2003
2:      add     edi, 8
        mov     dword ptr [edi + 0xff8], eax
        add     eax, 0x1000
        cmp     eax, PML4 + 0x6003
        jne     2b
        mov     edi, PML4 + 0x2000
        mov     eax, 0x83
3:      mov     dword ptr [edi], eax
        add     edi, 8
        add     eax, 0x200000
        jnc     3b
        .endm
        identity_map
        .byte   0xea                    # jmp far
        .short  0, HOME >> 4

packet: .byte   16, 0
        .short  (end - code) / SECTOR
        .short  0, HOME >> 4
        .quad   (code - disk) / SECTOR

        .org    SECTOR - 2
        .byte   0x55, 0xaa

# ---------------------------------------------------------------- sector 1: the FAT, 12 bits each
        .macro  fat12 a, b
        .byte   (\a) & 0xff, (\a) >> 8 | ((\b) & 0xf) << 4, (\b) >> 4
        .endm
        fat12   0xff8, 0xfff
        fat12   0xfff, 0xfff            # clusters 2 and 3: the two directories
        .set    cluster, 4
        .rept   (FILE_SECTORS - 1) / 2
        fat12   cluster+1, cluster+2
        .set    cluster, cluster + 2
        .endr
        fat12   0xfff, 0                # the file has an odd number of sectors

# ---------------------------------------------------------------- \EFI\BOOT\BOOTX64.EFI
        .macro  entry attribute, cluster, size
        .byte   \attribute
        .zero   14
        .short  \cluster
        .long   \size
        .endm
        .org    2 * SECTOR
        .ascii  "EFI        "
        entry   0x10, 2, 0
        .org    3 * SECTOR
        .ascii  ".          "
        entry   0x10, 2, 0
        .ascii  "..         "
        entry   0x10, 0, 0
        .ascii  "BOOT       "
        entry   0x10, 3, 0
        .org    4 * SECTOR
        .ascii  ".          "
        entry   0x10, 3, 0
        .ascii  "..         "
        entry   0x10, 2, 0
        .ascii  "BOOTX64 EFI"
        entry   0x20, 4, FILE_SECTORS*SECTOR
        .org    5 * SECTOR

# ---------------------------------------------------------------- sector 5: PE header
file:
        .ascii  "MZ"
        .org    5 * SECTOR + 0x3c
        .long   0x40
        .ascii  "PE\0\0"
        .short  0x8664, 1               # x86-64, one section
        .long   0, 0, 0
        .short  0xf0, 0x22              # size of the optional header; executable, large addresses
        .short  0x20b, 0                # PE32+
        .long   end - code, 0, 0
        .long   efi - file, code - file
        .quad   0
        .long   SECTOR, SECTOR          # alignment in memory and in the file
        .zero   16
        .long   end - file, code - file
        .long   0
        .short  10, 0                   # an EFI application
        .zero   36
        .long   16
        .zero   16 * 8
        .ascii  ".text\0\0\0"
        .long   end - code, code - file, end - code, code - file
        .zero   12
        .long   0xe0000020              # code, executable, readable, writable

# ---------------------------------------------------------------- sector 6: the code, at HOME
        .org    6 * SECTOR
# The BIOS's boot sector comes here, and the second processor.
code:
        cli
        .byte   0x66                    # with all 32 bits of the base
        lgdt    cs:[gdt_pointer - code]
        mov     eax, cr4
        or      eax, 0x620              # PAE, SSE
        mov     cr4, eax
        mov     eax, PML4
        mov     cr3, eax
        mov     ecx, 0xc0000080         # EFER
        rdmsr
        or      eax, 0x100              # long mode
        wrmsr
        mov     eax, 0x80000013         # paging, protection, a coprocessor
        mov     cr0, eax
        .byte   0x66, 0xea              # jmp far
        .long   HOME + (long_mode - code)
        .short  8

        .code64
# UEFI comes here, in long mode. It never gets the machine back.
efi:
        cli
        cld
        lea     rsi, [rip + code]
        mov     edi, HOME
        mov     ecx, end - code
        rep movsb
        mov     edx, PML4
        mov     rax, cr4
        bt      eax, 12                 # page tables of five levels
        mov     eax, PML5
        cmovc   edx, eax
        identity_map
        mov     cr3, rdx
        mov     eax, HOME + (gdt_pointer - code)
        lgdt    [rax]
        mov     esp, BOOT
        push    8
        push    HOME + (long_mode - code)
        retfq

long_mode:
        mov     eax, 16
        mov     ds, eax
        mov     es, eax
        mov     ss, eax
        mov     eax, 1
        lock xadd [rip + processors], eax
        test    eax, eax
        jz      first
        mov     byte ptr [rip + second], 1
0:      hlt
        jmp     0b

first:
        mov     esp, BOOT
        mov     eax, 0x12345678         # a store far away
        mov     ebx, FAR
        mov     [rbx], eax
        cmp     [rbx], eax
        jne     off
        lea     rsi, [rip + said_long_mode]
        call    say

# An exception powers off; the timer's interrupt counts; any other is acknowledged.
        mov     edi, IDT
        mov     ecx, 32
        mov     eax, off - code
        call    gates
        mov     ecx, 256 - 32
        mov     eax, other - code
        call    gates
        mov     edi, IDT + TIMER * 16
        mov     ecx, 1
        mov     eax, tick - code
        call    gates
        lidt    [rip + idt_pointer]

        pcmpeqd xmm0, xmm0
        pcmpeqd xmm1, xmm1
        paddd   xmm0, xmm1
        movd    eax, xmm0
        cmp     eax, -2
        jne     off
        lea     rsi, [rip + said_sse]
        call    say

# VEX-encoded instructions, as far as the processor claims to have them.
        xor     eax, eax
        cpuid
        cmp     eax, 7
        jb      vex
        mov     eax, 7
        xor     ecx, ecx
        cpuid
        bt      ebx, 8                  # BMI2
        jnc     1f
        mov     eax, 3
        mov     ecx, 4
        shlx    eax, eax, ecx
        cmp     eax, 48
        jne     off
1:      mov     eax, 1
        cpuid
        not     ecx
        test    ecx, 1 << 26 | 1 << 28  # XSAVE, AVX
        jnz     vex
        mov     rax, cr4
        bts     eax, 18
        mov     cr4, rax
        xor     ecx, ecx
        mov     eax, 7
        xor     edx, edx
        xsetbv
        vcmptrueps ymm0, ymm0, ymm0
        vextractf128 xmm1, ymm0, 1
        vmovd   eax, xmm1
        cmp     eax, -1
        jne     off
vex:    lea     rsi, [rip + said_vex]
        call    say

# The timer of the local APIC, once.
        mov     al, 0xff                # not the old interrupt controllers
        out     0x21, al
        out     0xa1, al
        mov     ebx, APIC
        mov     dword ptr [rbx + 0xf0], 0x1ff   # on
        mov     dword ptr [rbx + 0x80], 0       # all priorities
        mov     dword ptr [rbx + 0x3e0], 0xb    # divided by 1
        mov     dword ptr [rbx + 0x320], TIMER
        mov     dword ptr [rbx + 0x380], 1000000
0:      cli
        cmp     byte ptr [rip + ticks], 0
        jne     1f
        sti
        hlt
        jmp     0b
1:      lea     rsi, [rip + said_timer]
        call    say

# INIT, SIPI to all but this processor; one that has missed the SIPI gets another.
        mov     dword ptr [rbx + 0x300], 0xc4500
0:      mov     ecx, 10000
1:      in      al, 0x80                # a microsecond or more
        cmp     byte ptr [rip + second], 0
        jne     2f
        dec     ecx
        jnz     1b
        mov     dword ptr [rbx + 0x300], 0xc4600 | HOME >> 12
        jmp     0b
2:      lea     rsi, [rip + said_second]
        call    say

off:    mov     dx, PM1A_CONTROL
        mov     ax, 0x2000              # sleep enable, type S5
        out     dx, ax
0:      hlt
        jmp     0b

# Writes ecx gates at rdi for the handler at eax.
gates:
        add     eax, HOME
0:      mov     word ptr [rdi], ax
        mov     dword ptr [rdi + 2], 8
        mov     word ptr [rdi + 5], 0x8e    # an interrupt gate
        mov     edx, eax
        shr     edx, 16
        mov     word ptr [rdi + 6], dx
        mov     qword ptr [rdi + 8], 0
        add     rdi, 16
        dec     ecx
        jnz     0b
        ret

tick:
        mov     byte ptr [rip + ticks], 1
other:
        push    rbx
        mov     ebx, APIC
        mov     dword ptr [rbx + 0xb0], 0   # acknowledged
        pop     rbx
        iretq

# Says the line at rsi, up to its zero.
say:
        mov     dx, COM1 + 5
0:      in      al, dx
        test    al, 0x20                # room for a byte
        jz      0b
        mov     dx, COM1
        lodsb
        test    al, al
        jz      1f
        out     dx, al
        jmp     say
1:      ret

said_long_mode: .asciz "probe: long mode\n"
said_sse:       .asciz "probe: SSE\n"
said_vex:       .asciz "probe: VEX\n"
said_timer:     .asciz "probe: timer\n"
said_second:    .asciz "probe: second processor\n"

        .balign 8
gdt:    .quad   0
        .quad   0x00209a0000000000      # 64-bit code
        .quad   0x0000920000000000      # data
gdt_pointer:
        .short  . - gdt - 1
        .quad   HOME + (gdt - code)
idt_pointer:
        .short  256 * 16 - 1
        .quad   IDT
processors:
        .long   0
ticks:  .byte   0
second: .byte   0

        .org    10 * SECTOR
end:
