//! The imports of a crate, file by file: `use` declarations and paths in code, resolved through
//! modules and re-exports to the file that defines the name. Code under `#[cfg(test)]` does not count.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

/// Re-exports of re-exports that are followed before a path counts as unknown.
const DEPTH: usize = 16;

/// A crate's source files by their paths below its source directory.
pub type Sources = BTreeMap<String, String>;

/// An import: in which line of the importing file, and how it is written there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    pub line: usize,
    pub path: String,
}

/// What each file imports from which others, by (importing file, imported file).
pub type Imports = BTreeMap<(String, String), BTreeSet<Import>>;

/// Reads all sources below a crate's source directory.
pub fn sources(dir: &Path) -> Sources {
    let files = super::sources(dir).into_iter();
    let name = |path: &Path| path.strip_prefix(dir).unwrap().display().to_string();
    files.map(|(path, text)| (name(&path), text)).collect()
}

/// The imports between the files of the crate whose root is `root`.
pub fn imports(sources: &Sources, root: &str) -> Imports {
    let mut reader = Reader {
        sources,
        modules: Vec::new(),
        found: Vec::new(),
        module: 0,
    };
    reader.read_file(root, None);
    let Reader { modules, found, .. } = reader;
    let mut imports = Imports::new();
    for (module, line, path, glob) in found {
        let Some(target) = resolve(&modules, module, &path, DEPTH) else {
            continue;
        };
        let file = match target {
            Target::Item(module) => module,
            Target::Module(module) if glob => module,
            // What is used of it is found where it is used.
            Target::Module(_) => continue,
        };
        let (from, to) = (&modules[module].file, &modules[file].file);
        if from != to {
            let path = path.join("::");
            let edge = imports.entry((from.clone(), to.clone())).or_default();
            edge.insert(Import { line, path });
        }
    }
    imports
}

/// A module, with what its names stand for.
struct Module {
    file: String,
    parent: Option<usize>,
    children: HashMap<String, usize>,
    items: HashSet<String>,
    /// Names that `use` brings in.
    aliases: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

/// What a path leads to: a module, or an item that a module defines.
enum Target {
    Module(usize),
    Item(usize),
}

fn resolve(modules: &[Module], from: usize, path: &[String], depth: usize) -> Option<Target> {
    let depth = depth.checked_sub(1)?;
    let (first, rest) = path.split_first()?;
    let start = match first.as_str() {
        "crate" => 0,
        "self" => from,
        "super" => modules[from].parent?,
        _ => return lookup(modules, from, path, depth),
    };
    match rest.first().map(String::as_str) {
        None => Some(Target::Module(start)),
        Some("super") => resolve(modules, start, rest, depth),
        Some(_) => lookup(modules, start, rest, depth).or(Some(Target::Item(start))),
    }
}

/// Looks a path up in a module's names. `None`: they do not have its first word.
fn lookup(modules: &[Module], at: usize, path: &[String], depth: usize) -> Option<Target> {
    let (name, rest) = path.split_first()?;
    let module = &modules[at];
    let alias = module.aliases.get(name);
    if let Some(child) = module.children.get(name) {
        // A name can be that of a module and of a function.
        let item = alias.is_some() || module.items.contains(name);
        match rest {
            [] if !item => return Some(Target::Module(*child)),
            [] => {}
            _ => return lookup(modules, *child, rest, depth).or(Some(Target::Item(*child))),
        }
    }
    if module.items.contains(name) {
        return Some(Target::Item(at));
    }
    if let Some(alias) = alias {
        if alias.first() == Some(name) && alias.len() == 1 {
            return None;
        }
        let whole = [alias, rest].concat();
        // What is another crate's is this module's where it is re-exported.
        return resolve(modules, at, &whole, depth).or(Some(Target::Item(at)));
    }
    let depth = depth.checked_sub(1)?;
    module.globs.iter().find_map(|glob| {
        let Some(Target::Module(glob)) = resolve(modules, at, glob, depth) else {
            return None;
        };
        lookup(modules, glob, path, depth)
    })
}

/// Reads modules and the paths in them.
struct Reader<'a> {
    sources: &'a Sources,
    modules: Vec<Module>,
    /// Module, line, path, and whether it ends in `*`.
    found: Vec<(usize, usize, Vec<String>, bool)>,
    /// The module that is being read.
    module: usize,
}

impl Reader<'_> {
    fn read_file(&mut self, file: &str, parent: Option<usize>) -> usize {
        let text = &self.sources[file];
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.read(file, parent, |reader| reader.visit_file(&parsed))
    }

    fn read(&mut self, file: &str, parent: Option<usize>, visit: impl FnOnce(&mut Self)) -> usize {
        let own = self.modules.len();
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            children: HashMap::new(),
            items: HashSet::new(),
            aliases: HashMap::new(),
            globs: Vec::new(),
        });
        let outer = std::mem::replace(&mut self.module, own);
        visit(self);
        self.module = outer;
        own
    }

    /// The file of the module `name`, declared in a file (not in an inline module of it).
    fn file_of(&self, name: &str) -> String {
        let file = &self.modules[self.module].file;
        let stem = file.strip_suffix(".rs").unwrap();
        let dir = match stem.rsplit_once('/') {
            Some((dir, "mod")) => format!("{dir}/"),
            None if ["lib", "main"].contains(&stem) => String::new(),
            _ => format!("{stem}/"),
        };
        let one = format!("{dir}{name}.rs");
        if self.sources.contains_key(&one) {
            one
        } else {
            format!("{dir}{name}/mod.rs")
        }
    }

    fn add_tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        let line = tree.span().start().line;
        let (path, name) = match tree {
            syn::UseTree::Path(path) => return self.add_tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(tree, before);
                }
                return;
            }
            syn::UseTree::Glob(_) => {
                self.modules[self.module].globs.push(before.to_vec());
                self.found.push((self.module, line, before.to_vec(), true));
                return;
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                (before.to_vec(), before.last().unwrap().clone())
            }
            syn::UseTree::Name(name) => (with(&name.ident), name.ident.to_string()),
            syn::UseTree::Rename(rename) => (with(&rename.ident), rename.rename.to_string()),
        };
        let aliases = &mut self.modules[self.module].aliases;
        aliases.insert(name, path.clone());
        self.found.push((self.module, line, path, false));
    }

    fn add_path(&mut self, line: usize, path: Vec<String>) {
        if path.len() > 1 {
            self.found.push((self.module, line, path, false));
        }
    }

    /// The paths in a macro's input, and in the strings of an attribute.
    fn add_tokens(&mut self, tokens: TokenStream, strings: bool) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut colons) = (0, 0);
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.add_path(line, std::mem::take(&mut path));
                        line = ident.span().start().line;
                    }
                    path.push(ident.to_string());
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Group(group) => self.add_tokens(group.stream(), strings),
                TokenTree::Literal(literal) if strings => {
                    let text = literal.to_string();
                    let text = text.trim_matches('"').split("::");
                    let text = text.map(str::to_owned).collect();
                    self.add_path(literal.span().start().line, text);
                }
                _ => {}
            }
            self.add_path(line, std::mem::take(&mut path));
            colons = 0;
        }
        self.add_path(line, path);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if is_test(attributes(item)) {
            return;
        }
        if let Some(name) = name(item) {
            self.modules[self.module].items.insert(name);
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let name = module.ident.to_string();
        let parent = Some(self.module);
        let child = if let Some((_, items)) = &module.content {
            let file = self.modules[self.module].file.clone();
            self.read(&file, parent, |reader| {
                for item in items {
                    reader.visit_item(item);
                }
            })
        } else {
            self.read_file(&self.file_of(&name), parent)
        };
        self.modules[self.module].children.insert(name, child);
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_tree(&item.tree, &[]);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|it| it.ident.to_string());
        self.add_path(path.span().start().line, names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        visit::visit_macro(self, call);
        self.add_tokens(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => self.add_tokens(list.tokens.clone(), true),
            // Documentation may name what it likes.
            syn::Meta::NameValue(_) | syn::Meta::Path(_) => {}
        }
    }

    // `pub(in path)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|it| {
        let only = it.parse_args::<syn::Ident>();
        it.path().is_ident("cfg") && only.is_ok_and(|it| it == "test")
    })
}

/// An item's attributes.
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(it) => &it.attrs,
        syn::Item::Enum(it) => &it.attrs,
        syn::Item::Fn(it) => &it.attrs,
        syn::Item::Impl(it) => &it.attrs,
        syn::Item::Macro(it) => &it.attrs,
        syn::Item::Mod(it) => &it.attrs,
        syn::Item::Static(it) => &it.attrs,
        syn::Item::Struct(it) => &it.attrs,
        syn::Item::Trait(it) => &it.attrs,
        syn::Item::Type(it) => &it.attrs,
        syn::Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// The name that an item defines in its module.
fn name(item: &syn::Item) -> Option<String> {
    let name = match item {
        syn::Item::Const(it) => &it.ident,
        syn::Item::Enum(it) => &it.ident,
        syn::Item::Fn(it) => &it.sig.ident,
        syn::Item::Macro(it) => it.ident.as_ref()?,
        syn::Item::Static(it) => &it.ident,
        syn::Item::Struct(it) => &it.ident,
        syn::Item::Trait(it) => &it.ident,
        syn::Item::Type(it) => &it.ident,
        _ => return None,
    };
    Some(name.to_string())
}
